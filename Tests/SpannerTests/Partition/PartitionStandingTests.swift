import CRDT
import Spanner
import Testing

/// What bolts say of their part in a partition, as bytes.
struct PartitionStandingTests {
    private static func standing(
        role: PartitionStanding.Role, members: Int, primary: Bool, reason: String
    ) -> PartitionStanding {
        func disk(_ number: UInt64) -> ReplicaID {
            ReplicaID(key: Bytes32(words: (number, 0, 0, 1)), incarnation: number)
        }
        let epoch = PartitionEpoch(number: 7, minter: disk(3), renewal: 2)
        let tip = LogPoint(epoch: epoch, position: 99, hash: Bytes32(words: (4, 4, 4, 4)))
        let others = (0..<members).map { (number: Int) -> PartitionStanding.Member in
            let acknowledged: UInt64? = number == 0 ? nil : 12
            return PartitionStanding.Member(
                disk: disk(UInt64(number)), isInSync: number == 0, isLinked: number != 1, acknowledged: acknowledged)
        }
        return PartitionStanding(
            role: role, isInSync: members.isMultiple(of: 2), isForgetful: members == 3, epoch: epoch, promised: epoch,
            tip: tip, safe: 98, disk: disk(1), primary: primary ? disk(2) : nil, members: others, reason: reason)
    }

    @Test(arguments: PartitionStanding.Role.allCases)
    func `A standing comes back as it was said, and every cut of its bytes is refused`(
        _ role: PartitionStanding.Role
    ) throws {
        for (members, primary) in [(0, false), (1, true), (3, false), (PartitionLimits.universeMax, true)] {
            let said = PartitionStandingTests.standing(
                role: role, members: members, primary: primary, reason: "not founded: say so")
            let bytes = said.canonicalBytes
            var decoder = CanonicalDecoder(bytes)
            #expect(try PartitionStanding(from: &decoder) == said)
            try decoder.finish()
            for length in 0..<bytes.count {
                var short = CanonicalDecoder(Array(bytes.prefix(length)))
                #expect(throws: DecodingFailure.self) { try PartitionStanding(from: &short) }
            }
        }
    }

    @Test func `A standing is cut to what everybody can read`() throws {
        let long = String(repeating: "é", count: PartitionLimits.reasonBytesMax)
        let said = PartitionStandingTests.standing(
            role: .fenced, members: 3 * PartitionLimits.universeMax, primary: false, reason: long)
        #expect(said.members.count == PartitionLimits.universeMax)
        #expect(said.reason.utf8.count <= PartitionLimits.reasonBytesMax)
        var decoder = CanonicalDecoder(said.canonicalBytes)
        #expect(try PartitionStanding(from: &decoder) == said)
    }
}
