import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// When a mesh is whole: what `mesh up` waits for.
@Suite struct MeshGapsTests {
    private func view(_ partition: String, _ reach: BoltView.Reach, digest: Bytes32?) throws -> BoltView {
        let id = try #require(PrincipalID(bytes: [UInt8](repeating: 1, count: PrincipalID.count)))
        return BoltView(
            name: try #require(BoltName("a")), partition: try #require(PartitionName(partition)), id: id,
            address: "127.0.0.1:1", zone: nil, fingerprint: KeyFingerprint(Views.bytes(1)), standing: .active,
            reach: reach, digest: digest)
    }

    private func seen(_ own: String, digest: Bytes32, _ others: [BoltView]) throws -> MeshGaps.Seen {
        .init(bolt: "a.\(own)", status: try Views.status(bolt: "a.\(own)", digest: digest, bolts: others))
    }

    @Test func aMeshIsWholeWhenEachBoltIsLinkedToEachAndKnowsThatAllHoldTheSame() throws {
        let digest = Views.bytes(7)
        let whole = try [
            seen("north", digest: digest, [view("south", .alive, digest: digest)]),
            seen("south", digest: digest, [view("north", .alive, digest: digest)]),
        ]
        #expect(MeshGaps.all(whole) == [])
        #expect(MeshGaps.all([try seen("north", digest: digest, [])]) == [])
    }

    /// Just after the start all digests are equal already, but a bolt has not heard it of another.
    @Test func equalDigestsAloneAreNotEnough() throws {
        let digest = Views.bytes(7)
        let early = try [
            seen("north", digest: digest, [view("south", .alive, digest: nil)]),
            seen("south", digest: digest, [view("north", .suspect, digest: digest)]),
        ]
        #expect(
            MeshGaps.all(early) == [
                "a.north does not know yet that a.south holds the same roster",
                "a.south has no live link to a.north",
            ])
    }

    /// A bolt that got all acts from others writes nothing of its own; what counts is that nothing changes any more.
    @Test func aRosterIsSettledWhenItStaysTheSameForAWhile() {
        let start = ContinuousClock().now
        var steadiness = Steadiness(lasting: .milliseconds(300))
        func look(_ digest: UInt8?, after milliseconds: Int) -> Bool {
            steadiness.holds(digest.map { Views.bytes($0) }, at: start + .milliseconds(milliseconds))
        }
        #expect(!look(1, after: 0) && !look(1, after: 299) && look(1, after: 300))
        #expect(!look(2, after: 400) && !look(1, after: 500) && !look(1, after: 700))
        #expect(!look(nil, after: 750) && !look(1, after: 800) && look(1, after: 1100))
    }

    /// All are linked and hold the same, and one has not been told yet who reigns elsewhere: its status is alarmed.
    @Test func aPrimaryThatABoltHasNotHeardOfIsAGap() throws {
        let digest = Views.bytes(7)
        let headless = MeshGaps.Seen(
            bolt: "a.north",
            status: try Views.status(
                bolt: "a.north", digest: digest, bolts: [],
                partitions: [
                    try Views.partition("north", ["a.north"], primary: "a.north"),
                    try Views.partition("south", ["a.south"]),
                ]))
        #expect(MeshGaps.all([headless]) == ["a.north does not know the primary of south yet"])
        // Nobody reigns in a sealed partition, however long one waits.
        #expect(MeshGaps.all([headless], stopped: [try #require(PartitionName("south"))]) == [])
    }

    @Test func silenceIgnoranceAndDifferenceAreTold() throws {
        let gaps = try MeshGaps.all([
            seen("north", digest: Views.bytes(7), [view("south", .alive, digest: Views.bytes(7))]),
            seen("south", digest: Views.bytes(8), []),
            .init(bolt: "a.east", status: nil),
        ])
        #expect(
            gaps == [
                "a.north does not know a.east yet", "a.south does not know a.north yet",
                "a.south does not know a.east yet", "a.east does not answer", "the bolts hold 2 different rosters",
            ])
    }
}
