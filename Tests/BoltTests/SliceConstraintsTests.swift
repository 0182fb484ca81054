import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// What plans are constrained by is what primaries said of themselves and of what they hold.
struct SliceConstraintsTests {
    private let north = PartitionName(checked: "north")
    private let south = PartitionName(checked: "south")
    private let web = GroupID(TestWitness.digest([1]))
    private let rest = GroupID(TestWitness.digest([2]))
    private var groups: [GroupID: GroupName] { [web: GroupName(checked: "web"), rest: GroupName(checked: "rest")] }

    /// Four slices of web at the north, with 10 envoys of 100 bytes each; one of rest at the south.
    private var slices: [RebalanceInput.Slice] {
        let ofWeb = (0..<4 as Range<UInt32>).map { index in
            RebalanceInput.Slice(id: SliceID(group: web, index: index), owner: north, envoys: 10, bytes: 1000)
        }
        return ofWeb + [RebalanceInput.Slice(id: SliceID(group: rest, index: 0), owner: south, envoys: 0)]
    }

    private func standing(isFull: Bool = false, isSealed: Bool = false) -> PartitionStanding {
        PartitionStanding(
            role: .primary, isInSync: true, isForgetful: false, epoch: .none, promised: .none,
            tip: LogPoint(epoch: .none, position: 0, hash: .zero), safe: 0,
            disk: ReplicaID(key: .zero, incarnation: 1), primary: nil, members: [], reason: "", isSealed: isSealed,
            isFull: isFull)
    }

    private func census(
        version: UInt32 = SliceCensus.dataVersion, room: UInt64? = nil, secrets: [String] = []
    ) -> SliceCensus {
        SliceCensus(entries: [], version: version, room: room, secrets: secrets)
    }

    private func facts(
        _ north: SliceCensus?, _ south: SliceCensus?, _ standing: PartitionStanding?
    ) -> RebalanceInput.Facts {
        var censuses: [PartitionName: SliceCensus] = [:]
        censuses[self.north] = north
        censuses[self.south] = south
        return SliceConstraints(slices, groups: groups, censuses: censuses).facts(of: self.south, standing)
    }

    @Test("A target lacks the secrets of a group that an owner of its slices holds, and no others")
    func secrets() {
        let held = census(secrets: ["web/db", "web/key", "rest/db", "spare"])
        #expect(facts(held, census(secrets: ["web/db"]), standing()).lacksSecrets == [web])
        #expect(facts(held, census(secrets: ["web/db", "web/key"]), standing()).lacksSecrets == [])
        #expect(facts(nil, census(), standing()).lacksSecrets == [])
        #expect(facts(held, nil, standing()).lacksSecrets == [], "who was not heard is asked when a slice is offered")
    }

    @Test("What a full list could not name is not held to be lacking")
    func cut() {
        let many = census(secrets: (0..<200).map { "rest/\(1000 + $0)" })
        #expect(many.secrets.count == SliceCensus.secretsMax && many.secrets == many.secrets.sorted())
        #expect(many.mayHold("web/db") && !many.mayHold("a/b") && many.mayHold("rest/1000"))
        #expect(facts(census(secrets: ["web/db"]), many, standing()).lacksSecrets == [])
    }

    @Test("The version is the one that its primary says")
    func version() {
        #expect(facts(nil, census(version: 3), standing()).wireVersion == 3)
        #expect(facts(nil, nil, standing()).wireVersion == SliceCensus.dataVersion)
    }

    @Test("A full disk takes nothing more, and one with little room no more than fits")
    func room() {
        // The south has one slice without envoys, which counts as one. An envoy takes 4000 / 41 bytes.
        #expect(facts(nil, census(), standing(isFull: true)).capacity == 1)
        #expect(facts(nil, census(room: 980), standing()).capacity == 11)
        #expect(facts(nil, census(room: 0), standing()).capacity == 1)
        #expect(facts(nil, census(room: .max), standing()).capacity == nil)
        #expect(facts(nil, census(), standing()).capacity == nil)
        let empty = SliceConstraints([], groups: groups, censuses: [south: census(room: 9)])
        #expect(empty.facts(of: south, standing()).capacity == nil)
    }

    @Test("Who is not heard is unreachable, and who is sealed says so")
    func standings() {
        #expect(!facts(nil, nil, nil).isReachable && !facts(nil, nil, nil).isInSync)
        let sealed = facts(nil, nil, standing(isSealed: true))
        #expect(sealed.isReachable && sealed.isSealed && sealed.isInSync)
    }
}
