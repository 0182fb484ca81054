import BoltAPI
import CRDT
import Spanner
import Testing

/// Answers of a bolt, made up for tables.
enum Views {
    static func bytes(_ byte: UInt8) -> Bytes32 { Bytes32(bytes: [UInt8](repeating: byte, count: 32)) ?? .zero }

    static func bolt(
        _ name: String, _ partition: String, reach: BoltView.Reach = .alive, digest: UInt8? = 7,
        lag: UInt64? = 0, heard: Double? = 0.4, port: Int = 7440
    ) throws -> BoltView {
        let id = try #require(PrincipalID(bytes: [UInt8](repeating: UInt8(port % 200), count: PrincipalID.count)))
        return BoltView(
            name: try #require(BoltName(name)), partition: try #require(PartitionName(partition)), id: id,
            address: "127.0.0.1:\(port)", zone: nil, fingerprint: KeyFingerprint(bytes(UInt8(port % 200))),
            standing: .active, reach: reach, digest: digest.map { bytes($0) }, lagEvents: lag,
            lastHeardSeconds: reach == .itself ? nil : heard)
    }

    static func replica(_ byte: UInt8) -> ReplicaID { ReplicaID(key: bytes(byte), incarnation: 1) }

    static func point(_ epoch: UInt64, _ position: UInt64, minter: UInt8 = 1) -> LogPoint {
        LogPoint(
            epoch: PartitionEpoch(number: epoch, minter: replica(minter)), position: position, hash: bytes(0xAB))
    }

    static func member(
        _ bolt: String, _ reported: PartitionRoleWord?, assigned: PartitionRoleWord? = .standby, inSync: Bool = true,
        position: UInt64? = 9, lag: UInt64? = 0, heard: Double? = 1, reason: String? = nil, isSealed: Bool = false,
        isDrained: Bool = false
    ) -> PartitionMemberView {
        PartitionMemberView(
            bolt: bolt, disk: replica(UInt8(bolt.utf8.first ?? 0)), reported: reported, assigned: assigned,
            isInSync: inSync, position: position, lagRecords: lag, heardSeconds: heard, reason: reason,
            isSealed: isSealed, isDrained: isDrained)
    }

    static func partition(
        _ name: String, _ bolts: [String], reachable: Int? = nil, primary: String? = nil, envoys: Int = 0,
        epoch: UInt64? = nil, inSync: Int = 0, members: [PartitionMemberView] = []
    ) throws -> PartitionView {
        PartitionView(
            name: try #require(PartitionName(name)), bolts: bolts, reachable: reachable ?? bolts.count,
            primary: primary, envoys: envoys, epoch: epoch.map { PartitionEpoch(number: $0, minter: replica(1)) },
            inSync: inSync, faultTolerance: max(0, inSync - 1), members: members)
    }

    static func status(
        bolt: String = "a.north", digest: Bytes32 = bytes(7), bolts: [BoltView], partitions: [PartitionView] = [],
        verdict: StatusResponse.Verdict = .healthy, tolerance: Int = 0, conflicts: Int = 0, alarms: [Alarm] = []
    ) throws -> StatusResponse {
        StatusResponse(
            mesh: MeshSummary(name: "example", id: MeshID(bytes(9))), bolt: bolt, verdict: verdict,
            faultTolerance: tolerance,
            roster: RosterSummary(
                digest: digest, boltsAtDigest: bolts.count, boltsTotal: bolts.count, events: 14, envoys: 1, bans: 0,
                conflicts: conflicts),
            bolts: bolts, partitions: partitions, alarms: alarms,
            freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: bolts.count, boltsTotal: bolts.count))
    }
}
