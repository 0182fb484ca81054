import CRDT
import Spanner

extension TopologyPlan {
    /// The plan for people: what comes and goes, what moves and why, what stands in the way, why not fewer. At most
    /// `moves` of the moves are listed one by one.
    public func text(moves limit: Int = 20) -> String {
        var parts: [String] = []
        if !diff.isEmpty { parts.append(diff.changes.map(\.description).joined(separator: "\n")) }
        if !begins.isEmpty { parts.append(firstOwners) }
        if !moves.isEmpty { parts.append(flows) }
        if !moves.isEmpty, limit > 0 { parts.append(list(limit)) }
        if !loads.isEmpty { parts.append(shares) }
        if !blockers.isEmpty {
            let lines = blockers.map { "  \($0.what)\(kept($0))\n    next: \($0.next)" }
            parts.append("IN THE WAY\n" + lines.joined(separator: "\n"))
        }
        parts.append(summary)
        return parts.joined(separator: "\n\n")
    }

    private var summary: String {
        var lines = [diff.summary]
        if moves.isEmpty {
            lines.append("no slice moves")
        } else {
            lines.append(
                "\(Plural.text(moves.count, "slice")) with \(Plural.text(movedEnvoys, "envoy")) and "
                    + "\(ByteText.text(movedBytes)) would move")
            let proof = isLeastProved ? "no plan with fewer has as good a result" : "none has less than \(leastMoves)"
            lines.append("why not fewer: \(proof)\(reasons)")
        }
        lines.append("plan \(id.shortHex), made on \(madeOn.shortHex)")
        return lines.joined(separator: "\n")
    }

    private var reasons: String {
        let told = needs.prefix(8).map { need in
            "\n  \(need.partition) has to \(need.leaves ? "send away" : "be sent") "
                + "a load of \(need.load): \(Plural.text(need.slices, "slice")) at least"
        }
        let more = needs.count > 8 ? "\n  and \(needs.count - 8) more" : ""
        return told.joined() + more
    }

    /// Who owns the slices of new groups at first.
    private var firstOwners: String {
        var table = TextTable("NEW GROUP", "FIRST OWNER", "SLICES")
        for begin in begins {
            for owner in begin.owners { table.row(begin.group.text, owner.partition.text, "\(owner.slices)") }
        }
        return table.text
    }

    /// What goes from whom to whom, and for which kind of reason.
    private var flows: String {
        struct Flow: Hashable { let from, to, reason: String }
        var sums: [Flow: (slices: Int, envoys: UInt64)] = [:]
        for move in moves {
            let flow = Flow(from: move.from.text, to: move.to.text, reason: move.reason)
            sums[flow, default: (0, 0)].slices += 1
            sums[flow, default: (0, 0)].envoys &+= move.envoys
        }
        var table = TextTable("FROM", "TO", "SLICES", "ENVOYS", "WHY")
        for (flow, sum) in sums.sorted(by: {
            ($0.key.from, $0.key.to, $0.key.reason) < ($1.key.from, $1.key.to, $1.key.reason)
        }
        ) {
            table.row(flow.from, flow.to, "\(sum.slices)", "\(sum.envoys)", flow.reason)
        }
        return table.text(columns: Screen.tableColumns)
    }

    private func list(_ limit: Int) -> String {
        var table = TextTable("SLICE", "FROM", "TO", "ENVOYS", "WHY")
        for move in moves.prefix(limit) {
            table.row("\(move.group)/\(move.slice)", move.from.text, move.to.text, "\(move.envoys)", move.why)
        }
        let more = moves.count > limit ? "\nand \(moves.count - limit) more: -o json lists all" : ""
        return table.text(columns: Screen.tableColumns) + more
    }

    private var shares: String {
        var table = TextTable("PARTITION", "ENVOYS", "SLICES", "LOAD", "SHARE", "NOTE")
        for load in loads {
            table.row(
                load.partition.text, change(load.envoysBefore, load.envoysAfter),
                change(load.slicesBefore, load.slicesAfter), change(load.before, load.after), "\(load.share)",
                load.miss)
        }
        return table.text(columns: Screen.tableColumns)
            + "\nload: envoys, an empty slice counts as one; share: the load that its weight gives it"
    }

    private func change<Number: BinaryInteger>(_ before: Number, _ after: Number) -> String {
        before == after ? "\(after)" : "\(before) → \(after)"
    }

    private func kept(_ blocker: Blocker) -> String {
        if blocker.slices > 0 {
            return ": keeps \(Plural.text(blocker.slices, "slice")), \(Plural.text(blocker.envoys, "envoy"))"
        }
        return blocker.load > 0 ? ": keeps a load of \(blocker.load) away" : ""
    }
}
