internal import BoltAPI
internal import CRDT
internal import Identity
internal import Spanner
internal import Synchronization

/// What one bolt of a partition said last, as this bolt goes by it.
struct PartitionReport: Sendable {
    let bolt: BoltView
    /// The key that its disks are named by.
    let key: Bytes32?
    /// Its last word; nil where it was never heard.
    let standing: PartitionStanding?
    /// Seconds since; nil for this bolt itself.
    let age: Double?
    /// Seconds for which it is out of sync and its copy does not move; nil where that is not so, or not for long.
    var stuckSeconds: Double?

    /// Whether it is to be believed still.
    var isLive: Bool {
        guard standing != nil else { return false }
        return bolt.reach == .itself || (bolt.reach == .alive && (age ?? 0) < PartitionReport.ageMax)
    }

    /// Whether it says that it is sealed.
    var isSealed: Bool { isLive && standing?.isSealed == true }

    /// Seconds after which a word is no longer gone by.
    static let ageMax = NodeViews.seconds(NodeService.standingAge)
}

/// One partition, worked out from what its bolts say of it. Pure: equal reports give equal pages.
struct PartitionPicture {
    let name: PartitionName
    let reports: [PartitionReport]

    /// The latest epoch that anybody was heard to hold.
    var epoch: PartitionEpoch? {
        reports.compactMap { $0.standing?.tip.epoch }.filter { $0 > .none }.max()
    }

    /// Who reigns, or was the last to: by the last word of those that were heard, else by whose the latest epoch is.
    var lastPrimary: String? {
        let said = reports.filter { $0.standing?.reigns == true }
            .max { ($0.standing?.epoch ?? .none) < ($1.standing?.epoch ?? .none) }
        return (reigning ?? said)?.bolt.fullName ?? epoch.flatMap { view($0.minter).bolt }
    }

    /// Who reigns by its own word: of several in a network split, the one of the latest epoch.
    var reigning: PartitionReport? {
        reports.filter { $0.isLive && $0.standing?.reigns == true }
            .max { ($0.standing?.epoch ?? .none) < ($1.standing?.epoch ?? .none) }
    }

    /// Whose word goes about who is in sync: the primary's, else that of whoever holds most.
    private var source: PartitionStanding? {
        if let standing = reigning?.standing { return standing }
        let told = reports.compactMap(\.standing)
        return told.max { left, right in
            (left.tip.epoch, left.tip.position) < (right.tip.epoch, right.tip.position)
        }
    }

    /// Disks in sync with a primary that lives. What it said before it heard of a removal is not counted: a partition
    /// that is just left without a standby must not look whole.
    var inSync: Int {
        let admitted = Set(reports.map(\.key))
        return reigning?.standing?.members.count { $0.isInSync && admitted.contains($0.disk.key) } ?? 0
    }

    /// How many more bolts may be lost, whichever they are, with somebody left who can be promoted without a loss. All
    /// members but one must promise: where one is missing already, none may follow, however many are in sync.
    var faultTolerance: Int {
        guard let primary = reigning?.standing else { return 0 }
        let others = primary.members.filter { $0.disk != primary.disk }
        let heirs = others.filter { member in member.isInSync && mayReign(member.disk) }
        return others.allSatisfy { $0.isLinked && !isFenced($0.disk) } && !heirs.isEmpty ? 1 : 0
    }

    /// Whether a disk's bolt lives and says that it is fenced.
    func isFenced(_ disk: ReplicaID) -> Bool {
        reports.contains { $0.isLive && $0.standing?.disk == disk && $0.standing?.role == .fenced }
    }

    /// Whether a disk's bolt lives, follows, and has the keys.
    private func mayReign(_ disk: ReplicaID) -> Bool {
        reports.contains { report in
            guard report.isLive, let standing = report.standing, standing.disk == disk else { return false }
            return (standing.role == .standby || standing.role == .candidate) && !standing.isSealed && !standing.isFull
        }
    }

    /// The bolt that a disk is of.
    func view(_ disk: ReplicaID) -> DiskView {
        DiskView(bolt: reports.first { $0.key == disk.key }?.bolt.fullName, disk: disk)
    }

    /// The page, without what other planes know.
    func view(envoys: Int) -> PartitionView {
        PartitionView(
            name: name, bolts: reports.map(\.bolt.fullName),
            reachable: reports.count { $0.bolt.reach == .itself || $0.bolt.reach == .alive },
            primary: reigning?.bolt.fullName,
            envoys: envoys, epoch: epoch, inSync: inSync, faultTolerance: faultTolerance,
            members: reports.map(member) + strangers)
    }

    private func member(_ report: PartitionReport) -> PartitionMemberView {
        let known = source?.members.filter { $0.disk.key == report.key } ?? []
        let disk = report.standing?.disk ?? known.last?.disk
        let mine = known.first { $0.disk == disk }
        let position = report.isLive ? report.standing?.tip.position : nil
        var reason = report.standing?.reason
        if !report.isLive {
            let last = report.standing.map { "it last said to be \(Self.word($0.role).rawValue)" }
            reason = "cannot be reached" + (last.map { "; \($0)" } ?? "")
        }
        if let seconds = report.stuckSeconds, report.isLive, report.standing?.isFull == false {
            let still = "out of sync, and its copy has not moved for \(Int(seconds)) s"
            reason = reason.flatMap { $0.isEmpty ? nil : "\(still): \($0)" } ?? still
        }
        return PartitionMemberView(
            bolt: report.bolt.fullName, disk: disk,
            reported: report.isLive ? report.standing.map { Self.word($0.role) } : nil,
            assigned: epoch.map { $0.minter.key == report.key ? .primary : .standby },
            isInSync: mine?.isInSync ?? false, position: position, lagRecords: lag(report, mine),
            heardSeconds: report.age, reason: reason.flatMap { $0.isEmpty ? nil : $0 }, isSealed: report.isSealed,
            isDrained: report.isLive && report.standing?.isDrained == true,
            partedAt: report.isLive ? report.standing?.partedAt : nil,
            isFull: report.isLive && report.standing?.isFull == true, stuckSeconds: report.stuckSeconds)
    }

    /// Records that the primary holds and this one does not: by what it acknowledged, else by where it says to end.
    private func lag(_ report: PartitionReport, _ member: PartitionStanding.Member?) -> UInt64? {
        guard let primary = reigning?.standing, report.isLive, let standing = report.standing else { return nil }
        if standing.disk == primary.disk { return 0 }
        // Positions of two logs that parted say nothing of one another.
        if standing.partedAt != nil { return nil }
        let held = max(member?.acknowledged ?? 0, standing.tip.position)
        return primary.tip.position > held ? primary.tip.position - held : 0
    }

    /// Disks that count and are of no bolt that the roster admits, or of an earlier life of one.
    private var strangers: [PartitionMemberView] {
        guard let source else { return [] }
        return source.members.filter { member in
            !reports.contains { $0.key == member.disk.key && ($0.standing?.disk ?? member.disk) == member.disk }
        }.map { member in
            let bolt = view(member.disk).bolt
            return PartitionMemberView(
                bolt: bolt, disk: member.disk, reported: nil, assigned: nil, isInSync: member.isInSync,
                position: member.acknowledged,
                reason: bolt == nil
                    ? "of no bolt that is admitted"
                    : "an earlier disk of this bolt: the new one is not taken in before the bolt is removed")
        }
    }

    /// A role's word.
    static func word(_ role: PartitionStanding.Role) -> PartitionRoleWord {
        switch role {
        case .waiting: .waiting
        case .standby: .standby
        case .candidate: .candidate
        case .primary: .primary
        case .handingOver: .handingOver
        case .fenced: .fenced
        }
    }
}

extension NodeViews {
    /// Every partition of the roster, as its bolts were heard.
    func pictures(_ node: isolated NodeService) -> [PartitionPicture] {
        let views = bolts(node)
        let principals = Dictionary(node.bolts.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let now = ContinuousClock.now
        return Set(views.map(\.partition)).sorted().map { name in
            let reports = views.filter { $0.partition == name }.map { bolt -> PartitionReport in
                let key = principals[bolt.id]?.signingKey.map { node.witness.hash($0.bytes.bytes) }
                if bolt.reach == .itself {
                    let own = node.partition.board.withLock { $0.standing }
                    return PartitionReport(
                        bolt: bolt, key: key, standing: own, age: nil,
                        stuckSeconds: node.stillness.seconds(of: own.disk, at: now))
                }
                let heard = node.standings[bolt.id]
                return PartitionReport(
                    bolt: bolt, key: key, standing: heard?.standing, age: heard.map { Self.seconds(now - $0.at) },
                    stuckSeconds: heard.flatMap { node.stillness.seconds(of: $0.standing.disk, at: now) })
            }
            return PartitionPicture(name: name, reports: reports)
        }
    }

    func picture(_ node: isolated NodeService, of name: PartitionName) throws -> PartitionPicture {
        let all = pictures(node)
        if let found = all.first(where: { $0.name == name }) { return found }
        let hint = NearestName.suggest(name.text, among: all.map(\.name.text)).map { "; did you mean \($0)?" } ?? ""
        throw Problem(.notFound, "no bolt is of partition \(name)\(hint)", next: "boltctl partition list")
    }

    func partitions(_ node: isolated NodeService) -> [PartitionView] {
        let pictures = pictures(node)
        let names = pictures.map(\.name)
        var envoys: [PartitionName: Int] = [:]
        for envoy in node.machine.roster.principals(role: .envoy) {
            if let owner = node.owner(of: envoy, partitions: names) { envoys[owner, default: 0] += 1 }
        }
        return pictures.map { $0.view(envoys: envoys[$0.name] ?? 0) }
    }

    func partition(_ node: isolated NodeService, of name: PartitionName) throws -> PartitionResponse {
        _ = try picture(node, of: name)
        let views = partitions(node)
        guard let view = views.first(where: { $0.name == name }) else {
            throw Problem(.notFound, "no bolt is of partition \(name)")
        }
        let addresses = Dictionary(
            bolts(node).map { ($0.fullName, $0.address) }, uniquingKeysWith: { first, _ in first })
        return PartitionResponse(
            partition: view, addresses: view.bolts.map { addresses[$0] ?? "" }, freshness: freshness(node))
    }

    static func seconds(_ span: Duration) -> Double {
        Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18
    }
}
