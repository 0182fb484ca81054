import BoltAPI
import Spanner
import Testing

@testable import boltctl

/// For which bolts of a local mesh it is worth waiting.
@Suite struct MeshHealthTests {
    private func bolt(_ name: String, _ partition: String) throws -> LocalBolt {
        LocalBolt(
            partition: try #require(PartitionName(partition)),
            bolt: Topology.Bolt(
                name: try #require(BoltName(name)), address: "127.0.0.1:1", ops: "127.0.0.1:2", zone: nil),
            directory: "/nowhere/\(partition)-\(name)")
    }

    private func look(_ state: HealthResponse.State?, isFinal: Bool = false) -> MeshHealth.Look {
        MeshHealth.Look(state: state, reason: state?.rawValue ?? "no answer", isFinal: isFinal)
    }

    private func health(_ bolts: [LocalBolt], _ looks: [MeshHealth.Look]) -> MeshHealth {
        MeshHealth(
            bolts, Dictionary(uniqueKeysWithValues: zip(bolts.map(\.fullName), looks)), isEnough: [.active, .standby])
    }

    @Test func sealedBoltsAreNotWaitedForAndSaidToBeUp() throws {
        let bolts = [try bolt("a", "north"), try bolt("b", "north"), try bolt("a", "south")]
        let up = health(bolts, [look(.sealed, isFinal: true), look(.sealed, isFinal: true), look(.active)])
        #expect(up.sick.isEmpty && up.awaited.isEmpty && up.stopped.map(\.text) == ["north"])
        #expect(up.unsealing?.hasPrefix("up and sealed: a.north, b.north") == true)
        #expect(up.unsealing?.contains("boltctl seal unseal --key-file FILE") == true)
        // The others are waited for as ever.
        let early = health(bolts, [look(.sealed, isFinal: true), look(.starting), look(nil)])
        #expect(early.awaited.map(\.bolt.fullName) == ["b.north", "a.south"] && early.stopped.isEmpty)
        // One that its key file opens is waited for.
        let opening = health(bolts, [look(.sealed), look(.standby), look(.active)])
        #expect(opening.awaited.map(\.bolt.fullName) == ["a.north"] && opening.unsealing == nil)
    }

    @Test func anOpenStandbyOfASealedPrimaryHearsNobodyHoweverLongOneWaits() throws {
        let bolts = [try bolt("a", "north"), try bolt("b", "north")]
        let stopped = health(bolts, [look(.sealed, isFinal: true), look(.orphaned)])
        #expect(stopped.awaited.isEmpty && stopped.sick.isEmpty && stopped.stopped.count == 1)
        let served = health(bolts, [look(.sealed, isFinal: true), look(.active)])
        #expect(served.awaited.isEmpty && served.stopped.isEmpty && served.unsealing != nil)
    }

    @Test func aRemovedBoltIsSickAtOnce() throws {
        let bolts = [try bolt("a", "north"), try bolt("b", "north")]
        let health = health(bolts, [look(.active), look(.removed, isFinal: true)])
        #expect(health.sick.map(\.bolt.fullName) == ["b.north"] && health.awaited.isEmpty)
    }
}
