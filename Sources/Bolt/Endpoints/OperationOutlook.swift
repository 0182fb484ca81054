internal import CRDT
internal import Spanner

/// What a primary knows of an operation before it does anything: whom it would be about, and a refusal where one is
/// certain. Pure: what is refused here leaves no trace, not even in the audit log.
struct OperationOutlook {
    let standing: PartitionStanding
    /// What the partition's other bolts say of themselves.
    let siblings: [PartitionStanding]
    /// As the log has them; empty where this bolt does not reign.
    let members: [ReplicaID]
    let inSync: [ReplicaID]
    /// Keys of disks that a signed act cut off: they agree to nothing.
    let dead: Set<Bytes32>

    /// Why it would be refused; nil where nothing that is known here speaks against it.
    func refusal(of operation: PartitionOperation) -> PartitionOperationRefusal? {
        switch operation {
        case .found, .promote, .check: return nil
        case .switchover(let to):
            guard standing.reigns else { return .notPrimary(standing.primary) }
            guard case .failure(.notInSync(let disk)) = heir.disk(to) else { return nil }
            return .notInSync(disk)
        case .remove(let disk):
            guard standing.reigns else { return .notPrimary(standing.primary) }
            guard disk != standing.disk else { return .notInSync(disk) }
            guard !dead.contains(disk.key) else { return nil }
            // It is out already: whoever asks is told so once that is safe.
            guard members.contains(disk) else { return nil }
            return members.count <= 2 || Set(inSync) == [standing.disk, disk] ? .lastStandby(disk) : nil
        }
    }

    /// Who can take over.
    var heir: HandoverHeir { HandoverHeir(standing, siblings: siblings) }

    /// Who takes over in a switchover: whoever was named, else the unsealed standby in sync that is furthest.
    func successor(to wanted: ReplicaID?) -> PartitionStanding.Member? {
        let disk = wanted ?? (try? heir.disk().get())
        return standing.members.first { $0.disk == disk }
    }

    /// Records that a standby has not acknowledged yet; nil where nothing was heard of it.
    func lag(of member: PartitionStanding.Member) -> UInt64? {
        member.acknowledged.map { standing.tip.position - min($0, standing.tip.position) }
    }
}
