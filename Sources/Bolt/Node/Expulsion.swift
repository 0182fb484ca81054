internal import BoltAPI
internal import Spanner

/// That peers take this bolt for removed or banned. They speak with it no more, so its own roster never learns the act:
/// their word is all that it gets. It goes by that only while nobody speaks with it.
struct Expulsion {
    /// Who said so, by name.
    private(set) var sources: Set<String> = []
    /// Whether any said that it is banned.
    private(set) var isBanned = false

    /// Most that are named.
    static let sourcesMax = 16

    /// Whether anybody says so.
    var isTold: Bool { !sources.isEmpty }

    /// A peer says so; true where it is the first.
    mutating func note(_ source: String, banned: Bool) -> Bool {
        let isFirst = sources.isEmpty
        if sources.count < Expulsion.sourcesMax { sources.insert(source) }
        if banned { isBanned = true }
        return isFirst
    }

    /// Somebody speaks with this bolt as with a member.
    mutating func clear() { self = Expulsion() }

    /// What it means and what to do, for people; `sources` may be empty where the own roster says so.
    static func text(banned: Bool, by sources: [String]) -> String {
        let whose = sources.isEmpty ? "the roster" : sources.joined(separator: ", ")
        return "\(banned ? "banned" : "removed"): \(whose) no longer admits this bolt, and its keys never come back. "
            + "What it held stays on its disk. Next: stop it; to bring the machine back, move its state directory and "
            + "identity away, make new keys, and have it admitted: boltctl bolt join, boltctl bolt invite"
    }
}

extension NodeService {
    /// Why this bolt serves nobody any more, where its roster or all whom it met say that its admission has ended.
    var expulsionText: String? {
        if machine.isExpelled {
            let standing = machine.roster.standing(of: machine.own.tlsKey, as: .bolt)
            let isBanned = if case .banned = standing { true } else { false }
            return Expulsion.text(banned: isBanned, by: [])
        }
        guard expulsion.isTold else { return nil }
        return Expulsion.text(banned: expulsion.isBanned, by: expulsion.sources.sorted())
    }
}

extension Expulsion {
    /// Most bolts that are named to ask instead.
    static let othersMax = 3

    /// What an operator is told who asks a bolt that is no longer admitted: its views would be of an earlier day.
    /// `others` are bolts that its roster admits still, with their addresses.
    static func problem(asked bolt: String, others: [(name: String, address: String)]) -> Problem {
        let some = others.prefix(othersMax).map { "\($0.name) at \($0.address)" }
        return Problem(
            .boltRemoved, "\(bolt) is no longer admitted to the mesh: what it knows of partitions is of an earlier day",
            next: some.isEmpty
                ? "ask another bolt with --bolt ADDRESS"
                : "ask another bolt with --bolt ADDRESS: " + some.joined(separator: ", "))
    }
}

extension NodeService {
    /// Whom to ask instead of this bolt, whose admission has ended; nil where it has not.
    func removedProblem(asked bolt: String) -> Problem? {
        guard expulsionText != nil else { return nil }
        let others = bolts.compactMap { other -> (name: String, address: String)? in
            guard other.id != machine.own.bolt, let address = other.address else { return nil }
            return (other.name.text, address)
        }
        return Expulsion.problem(asked: bolt, others: others)
    }
}
