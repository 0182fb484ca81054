import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

/// Plans of topologies: whole, bound to the version that they were made on, refused when that moved.
@Suite struct TopologyPlanTests {
    /// A stand-in for the mesh's hash with the one law that matters here: other bytes, another value.
    private func hash(_ bytes: [UInt8]) -> Bytes32 {
        let words = (UInt8(0)..<4).map { PlacementHash.value([$0] + bytes) }
        return Bytes32(words: (words[0], words[1], words[2], words[3]))
    }

    private func id(_ number: UInt64) -> GroupID { GroupID(Bytes32(words: (number, 0, 0, 0))) }

    private func name(_ text: String) throws -> PartitionName { try #require(PartitionName(text)) }

    /// Two partitions of 12 slices each, 100 envoys a slice.
    private func state() throws -> TopologyPlanner.State {
        let topology = try TopologyDiffTests.topology()
        var groups: [GroupName: GroupID] = [:]
        var slices: [RebalanceInput.Slice] = []
        for (number, group) in topology.groups.enumerated() {
            groups[group.name] = id(UInt64(number))
            for index in 0..<group.slices {
                slices.append(
                    .init(
                        id: SliceID(group: id(UInt64(number)), index: UInt32(index)),
                        owner: try name(index % 2 == 0 ? "north" : "south"), envoys: 100, bytes: 1000))
            }
        }
        let facts = try Dictionary(
            uniqueKeysWithValues: ["north", "south", "west"].map { (try name($0), RebalanceInput.Facts()) })
        return .init(topology: topology, groups: groups, slices: slices, facts: facts)
    }

    private static let west = (
        "  - name: south",
        """
          - name: west
            groups: [web, rest]
            bolts: [{name: a, address: "10.0.2.1:7440", zone: z1}, {name: b, address: "10.0.2.2:7440", zone: z2}]
          - name: south
        """
    )

    private func plan(
        _ edits: [(String, String)], _ state: TopologyPlanner.State, now: UInt64 = 1000
    ) throws -> TopologyPlan {
        try TopologyPlanner().plan(
            to: TopologyDiffTests.topology(edits), from: state, .init(now: now, lifetime: 500), hashedBy: hash)
    }

    @Test func aJoiningPartitionIsPlannedWithWhyAndWhyNotFewer() throws {
        let plan = try plan([Self.west], state())
        #expect(plan.moves.count == 8 && plan.moves.allSatisfy { $0.to.text == "west" && $0.reason == "balance" })
        #expect(plan.movedEnvoys == 800 && plan.movedBytes == 8000 && plan.blockers == [])
        #expect(plan.leastMoves == 8 && plan.isLeastProved)
        let text = plan.text()
        #expect(
            text.contains("+ partition west") && text.contains("no plan with fewer has as good a result"), "\(text)")
        #expect(text.contains("8 slices with 800 envoys and 7.8 KiB would move"), "\(text)")
        #expect(
            text.contains("west has to be sent a load of ") || text.contains("has to send away a load of "), "\(text)")
        #expect(text.contains("west has to be sent") || text.contains("has to send away"), "\(text)")
        #expect(text.contains("plan \(plan.id.shortHex), made on \(plan.madeOn.shortHex)"), "\(text)")
    }

    @Test func aPartitionThatLeavesTheTopologyHandsOnAllItHas() throws {
        let plan = try plan([("name: south", "name: west")], state())
        #expect(plan.moves.count == 12 && plan.moves.allSatisfy { $0.from.text == "south" && $0.reason == "leaving" })
        #expect(plan.diff.count(.remove) == 3)
    }

    /// Empty slices count as envoys where partitions are compared: a table said so of envoys.
    @Test func aPlanShowsEnvoysSlicesAndLoadByTheirNames() throws {
        var state = try state()
        state.slices = state.slices.map {
            .init(id: $0.id, owner: $0.owner, envoys: $0.id.index == 0 ? 10 : 0, bytes: 0)
        }
        let plan = try plan([("name: south", "name: west")], state)
        let south = try #require(plan.loads.first { $0.partition.text == "south" })
        #expect(south.envoysBefore == 0 && south.slicesBefore == 12 && south.before == 12 && south.after == 0)
        let text = plan.text()
        #expect(text.contains("load: envoys, an empty slice counts as one"), "\(text)")
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.contains { $0.starts(with: ["PARTITION", "ENVOYS", "SLICES", "LOAD", "SHARE"]) }, "\(text)")
        #expect(lines.contains { $0.starts(with: ["south", "0", "12", "→", "0", "12", "→", "0", "0"]) }, "\(text)")
        state.facts[try name("south")] = nil
        let stuck = try self.plan([("name: south", "name: west")], state)
        #expect(stuck.text().contains("keeps 12 slices, 0 envoys"), "\(stuck.text())")
        let json = String(decoding: try APIJSON.encode(plan), as: UTF8.self)
        #expect(json.contains("\"envoys_before\":0") && json.contains("\"load\":"), "\(json)")
    }

    @Test func aPlanOfAnotherMeshIsToldWithWhatDiffersAndWhatToDo() throws {
        let problem = Problem.otherMesh(try TopologyDiffTests.topology(), than: "home")
        #expect(problem.code == .topologyRefused && problem.detail.contains("mesh name: home → example"), "\(problem)")
        #expect(problem.next.contains("ask a bolt of example"), "\(problem)")
        #expect(!problem.next.contains("topology plan"), "\(problem)")
        #expect(TopologyPlan.Refusal.otherMesh("example").next?.contains("example") == true)
    }

    @Test func theTimeAtWhichAPlanExpiredIsATime() {
        let refusal = TopologyPlan.Refusal.expired(milliseconds: 1_800_000_000_000)
        #expect(refusal.description == "the plan expired at 2027-01-15T08:00:00Z; make a new one")
    }

    @Test func aNewPartitionThatDoesNotRunYetIsNamedBeforeAnythingStarts() throws {
        var state = try state()
        state.facts[try name("west")] = nil
        let plan = try plan([Self.west], state)
        #expect(plan.moves == [] && plan.blockers.map(\.reason) == ["unreachable"])
        #expect(plan.blockers.map(\.what) == ["west has no primary that answers"])
        guard case .blocked? = plan.refusal(mesh: "example", version: plan.madeOn, at: 1100, hashedBy: hash) else {
            Issue.record("\(plan.blockers)")
            return
        }
        let despite = plan.refusal(
            mesh: "example", version: plan.madeOn, at: 1100, despiteBlockers: true, hashedBy: hash)
        #expect(despite == nil)
    }

    @Test func aGroupThatLeavesWithEnvoysIsInTheWayAndAnEmptyOneIsNot() throws {
        let edits = [("  - {name: rest, slices: 8}\n", ""), ("[web, rest]", "[web]"), ("[web, rest]", "[web]")]
        var state = try state()
        let full = try plan(edits, state)
        #expect(full.blockers.map(\.what) == ["the group rest is served by no partition that may own slices"])
        // Whatever blockers are gone over: envoys are not left behind.
        #expect(full.diff.refused.map(\.subject) == ["group rest"], "\(full.diff.changes)")
        let rest = state.groups[try #require(GroupName("rest"))]
        state.slices = state.slices.map {
            $0.id.group == rest ? .init(id: $0.id, owner: $0.owner, envoys: 0) : $0
        }
        let empty = try plan(edits, state)
        #expect(empty.blockers == [] && empty.diff.refused.isEmpty)
        // Somebody was admitted to it, and has not checked in yet.
        state.occupied = [try #require(GroupName("rest"))]
        #expect(try plan(edits, state).diff.refused.map(\.subject) == ["group rest"])
    }

    @Test func aGroupThatWasMadeOnceKeepsItsNumberOfSlicesWhenItsNameComesAgain() throws {
        var state = try state()
        state.topology = try TopologyDiffTests.topology(
            [("  - {name: rest, slices: 8}\n", ""), ("[web, rest]", "[web]"), ("[web, rest]", "[web]")])
        #expect(try plan([], state).diff.refused.isEmpty)
        let other = try plan([("slices: 8", "slices: 16")], state)
        #expect(
            other.diff.refused.map(\.description) == [
                "! group rest slices: 8 → 16 (fixed when a group of that name was first made; name it otherwise)"
            ])
    }

    @Test func aPlanNamesFirstOwnersAndWhoIsInTheWayOfBeingOne() throws {
        var state = try state()
        state.topology = Topology.empty(mesh: "example")
        (state.groups, state.slices) = ([:], [])
        let (north, south) = (try name("north"), try name("south"))
        let all = try plan([("  - name: south", "  - name: south\n    weight: 300")], state)
        #expect(all.blockers == [] && all.begins.map(\.group.text) == ["web", "rest"])
        #expect(all.begins.map { $0.owners.map(\.slices) } == [[4, 12], [2, 6]])
        #expect(all.begins[0].candidates.map(\.partition) == [north, south])
        #expect(all.text().contains("FIRST OWNER"), "\(all.text())")
        // Who is drained is given nothing, and is in nobody's way.
        state.drains = [north]
        let drained = try plan([], state)
        #expect(drained.blockers == [] && drained.begins.allSatisfy { $0.owners.map(\.partition) == [south] })
        state.drains = []
        state.facts[north]?.isSealed = true
        state.facts[south] = nil
        let stuck = try plan([], state)
        #expect(stuck.begins.allSatisfy { $0.owners.isEmpty })
        #expect(Set(stuck.blockers.map(\.reason)) == ["sealed", "unreachable"] && stuck.blockers.count == 4)
        #expect(stuck.blockers.first?.what == "north is sealed (new group web)")
    }

    @Test func whoMayOwnSlicesIsWhatTheTopologySays() throws {
        let topology = try TopologyDiffTests.topology(
            [("  - name: south\n    groups: [web, rest]", "  - name: south\n    weight: 0\n    groups: [web]")])
        let (web, rest) = (try #require(GroupName("web")), try #require(GroupName("rest")))
        let (north, south) = (try name("north"), try name("south"))
        #expect(topology.refusal(toOwning: web, by: north, drained: []) == nil)
        #expect(topology.refusal(toOwning: web, by: north, drained: [north]) == .draining)
        #expect(topology.refusal(toOwning: web, by: south, drained: []) == .weightless)
        #expect(topology.refusal(toOwning: rest, by: south, drained: []) == .notServing)
        #expect(topology.refusal(toOwning: web, by: try name("sotuh"), drained: []) == .unknown)
    }

    @Test func anExpiredAlteredOrForeignPlanAndOneOfAnotherVersionIsRefused() throws {
        let plan = try plan([Self.west], state())
        func refusal(mesh: String = "example", version: Bytes32? = nil, at now: UInt64 = 1100) -> TopologyPlan.Refusal?
        {
            plan.refusal(mesh: mesh, version: version ?? plan.madeOn, at: now, hashedBy: hash)
        }
        #expect(refusal() == nil)
        #expect(refusal(at: 1500) == .expired(milliseconds: 1500))
        #expect(refusal(mesh: "other") == .otherMesh("example"))
        #expect(refusal(version: plan.leadsTo) == .versionMoved(inForce: plan.leadsTo))
        let json = String(decoding: try APIJSON.encode(plan), as: UTF8.self)
        let altered = try APIJSON.decode(
            TopologyPlan.self, from: Data(json.replacing("\"expires_ms\":1500", with: "\"expires_ms\":9500").utf8))
        #expect(altered.refusal(mesh: "example", version: plan.madeOn, at: 1100, hashedBy: hash) == .altered)
        let never = try self.plan([("slices: 16", "slices: 32")], state())
        guard
            case .refused(let changes)? = never.refusal(
                mesh: "example", version: never.madeOn, at: 1100, hashedBy: hash)
        else {
            Issue.record("\(never.diff)")
            return
        }
        #expect(changes.map(\.subject) == ["group web"])
    }

    @Test func aPlanIsTheSameWhoeverMakesItAndSurvivesItsJSON() throws {
        var state = try state()
        let plan = try plan([Self.west], state)
        state.slices.reverse()
        #expect(try self.plan([Self.west], state) == plan)
        #expect(try APIJSON.decode(TopologyPlan.self, from: APIJSON.encode(plan)) == plan)
        #expect(try self.plan([Self.west], state, now: 1001).id != plan.id)
    }

    @Test func nothingToDoIsSaid() throws {
        let plan = try plan([], state())
        #expect(plan.isEmpty && plan.text().contains("no slice moves"))
        let (made, leads) = (plan.madeOn, plan.leadsTo)
        #expect(made == leads)
    }

    @Test func lifetimesAreBounded() throws {
        let topology = try TopologyDiffTests.topology()
        let plan = try TopologyPlanner().plan(
            to: topology, from: state(), .init(now: 5, lifetime: .max), hashedBy: hash)
        #expect(plan.expiresMilliseconds == 5 + TopologyPlanner.lifetimeMax)
    }
}
