import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// Plans at the terminal: what is believed, what is refused before anybody is asked, how commands end.
@Suite struct PlanCommandTests {
    private static let text = """
        version: 1
        mesh: {name: example}
        groups: [{name: web, slices: 12}]
        partitions:
          - {name: north, groups: [web], bolts: [{name: a, address: "10.0.0.1:7440"}]}
          - {name: south, groups: [web], bolts: [{name: a, address: "10.0.1.1:7440"}]}
        """

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    private func topology(_ edit: (String, String) = ("", "")) throws -> Topology {
        let text = edit.0.isEmpty ? Self.text : Self.text.replacing(edit.0, with: edit.1)
        let document = TopologyDocument(parsing: text, file: "t.yaml")
        return try #require(document.topology, "\(document.findings)")
    }

    /// All slices at north, 10 envoys each.
    private func planned(
        to wanted: Topology, unreachable: Bool = false, owner: String = "north"
    ) throws -> PlanTopologyResponse {
        let (id, web) = (GroupID(Views.bytes(1)), try Views.group("web"))
        let slices = try (UInt32(0)..<12).map {
            RebalanceInput.Slice(id: SliceID(group: id, index: $0), owner: try Views.name(owner), envoys: 10)
        }
        var facts = [try Views.name("north"): RebalanceInput.Facts()]
        if !unreachable { facts[try Views.name("south")] = RebalanceInput.Facts() }
        let plan = try TopologyPlanner().plan(
            to: wanted, from: .init(topology: try topology(), groups: [web: id], slices: slices, facts: facts),
            .init(now: 1000), hashedBy: TopologyFile.hash)
        return PlanTopologyResponse(
            bolt: "a.north", plan: plan, base: Views.bytes(4), drains: [], running: [], freshness: Views.fresh)
    }

    private func wish(_ topology: Topology? = nil) throws -> PlanWish {
        var wish = try PlanWish(file: nil, PlanOptions.parse([]))
        wish.topology = topology.map { ($0, $0.document) }
        return wish
    }

    @Test func plansEndAsTheContractSays() throws {
        let moves = try planned(to: topology()).plan
        #expect(moves.moves.count == 6 && PlanDesk.status(of: moves) == .changes)
        // Another task runs: an apply would be refused.
        #expect(PlanDesk.status(of: moves, isRunning: true) == .refused)
        let never = try planned(to: topology(("slices: 12", "slices: 24"))).plan
        #expect(PlanDesk.status(of: never) == .refused)
        let blocked = try planned(to: topology(), unreachable: true).plan
        #expect(!blocked.blockers.isEmpty && PlanDesk.status(of: blocked) == .refused)
        #expect(PlanDesk.status(of: blocked, despiteBlockers: true) != .refused)
    }

    @Test func whatWouldBeRefusedIsRefusedBeforeAnybodyIsAsked() throws {
        let never = try planned(to: topology(("slices: 12", "slices: 24"))).plan
        #expect(code { try PlanDesk.refuse(never, despiteBlockers: true) } == "topology_refused")
        let blocked = try planned(to: topology(), unreachable: true).plan
        #expect(code { try PlanDesk.refuse(blocked, despiteBlockers: false) } == "plan_blocked")
        #expect(code { try PlanDesk.refuse(blocked, despiteBlockers: true) } == nil)
        do {
            try PlanDesk.refuse(blocked, despiteBlockers: false)
        } catch let failure as CommandFailure {
            #expect(failure.status == .refused && !failure.changed)
            #expect(
                failure.reason?.contains("south has no primary that answers: start its bolts") == true, "\(failure)")
        }
    }

    /// A bolt that reads the file otherwise, or alters a plan, is found out on this machine.
    @Test func aPlanThatIsNotTheFilesIsNotBelieved() throws {
        let wanted = try topology(("name: south,", "name: south, weight: 50,"))
        let planned = try planned(to: wanted)
        #expect(code { try PlanDesk.require(planned, for: try wish(wanted)) } == nil)
        #expect(code { try PlanDesk.require(planned, for: try wish()) } == nil)
        #expect(code { try PlanDesk.require(planned, for: try wish(try topology())) } == "plan_altered")
        let json = String(decoding: try APIJSON.encode(planned), as: UTF8.self)
        let altered = try APIJSON.decode(
            PlanTopologyResponse.self, from: Data(json.replacing("\"to\":\"south\"", with: "\"to\":\"north\"").utf8))
        #expect(altered != planned)
        #expect(code { try PlanDesk.require(altered, for: try wish(wanted)) } == "plan_altered")
    }

    @Test func aPlanSurvivesItsFile() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("plan-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let planned = try planned(to: topology())
        try PlanFile.write(planned, to: path)
        #expect(try PlanFile.read(path, for: wish()) == planned)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
        #expect(code { _ = try PlanFile.read(path, for: try wish()) } == "bad_plan")
        #expect(code { _ = try PlanFile.read(path + ".none", for: try wish()) } == "no_such_file")
    }

    @Test func tolerancesAndLifetimesKeepTheirBounds() throws {
        func options(_ line: String) throws -> PlanOptions {
            try PlanOptions.parse(line.split(separator: " ").map(String.init))
        }
        #expect(try options("--tolerance 2.5").parts() == 250 && options("").parts() == nil)
        #expect(try options("--expires 2h").seconds() == 7200)
        for line in ["--tolerance 51", "--tolerance nan"] {
            #expect(code { _ = try options(line).parts() } == "bad_tolerance", "\(line)")
        }
        for line in ["--expires 0s", "--expires 25h", "--expires soon"] {
            #expect(code { _ = try options(line).seconds() } == "bad_span", "\(line)")
        }
    }

    @Test func aDrainNamesAllWhoAreDrained() throws {
        let known = [try Views.name("north"), try Views.name("south"), try Views.name("west")]
        func list(_ partition: String, _ drains: Bool, _ drained: [PartitionName]) throws -> [String] {
            try DrainChange(partition: try Views.name(partition), drains: drains).list(drained, known: known)
                .map(\.text)
        }
        #expect(try list("north", true, []) == ["north"])
        #expect(try list("north", true, [known[1]]) == ["north", "south"])
        #expect(try list("south", true, [known[1]]) == ["south"])
        #expect(try list("south", false, [known[1], known[2]]) == ["west"])
        #expect(code { _ = try list("nort", true, []) } == "not_found")
    }

    /// A topology without a partition that is drained was refused: the partition is drained, and is not there.
    @Test func whoeverLeavesTheTopologyIsNoLongerDrained() throws {
        let wanted = try topology()
        let (north, gone) = (try Views.name("north"), try Views.name("gone"))
        func completed(_ drained: [PartitionName]) throws -> PlanWish {
            PlanDesk.completed(try wish(wanted), wanted, drained: drained)
        }
        #expect(try completed([]).drains == nil)
        #expect(try completed([north]).drains == nil)
        let without = try completed([gone, north])
        #expect(without.drains == [north] && without.changesDrains)
        #expect(try completed([gone]).drains == [])
    }

    /// An apply that was sent to a standby was told to ask elsewhere, and failed.
    @Test func aPrimaryDrivesThatOfTheBoltThatPlannedWhereThereIsOne() throws {
        let north = try Views.partition("north", ["a.north", "b.north"], primary: "b.north")
        let south = try Views.partition("south", ["a.south"], primary: "a.south")
        let dark = try Views.partition("east", ["a.east"])
        func driver(_ bolt: String, _ partitions: [PartitionView]) -> String? {
            ApplyOptions.driver(partitions, near: bolt)?.text
        }
        #expect(driver("a.south", [dark, north, south]) == "south" && driver("a.north", [south, north]) == "north")
        #expect(driver("a.east", [dark, north, south]) == "north" && driver("a.east", [dark]) == nil)
        // Between two reigns it is asked for again; a refusal is not.
        #expect(PlanDesk.mayPass(CommandFailure("no_primary", "nobody reigns")))
        #expect(!PlanDesk.mayPass(CommandFailure("topology_moved", "no")) && !PlanDesk.mayPass(CancellationError()))
    }

    /// It was called altered, which it was not.
    @Test func aRebalanceSaysWhatThePlanOfATopologyIsFor() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("plan-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let wanted = try topology(("name: south,", "name: south, weight: 50,"))
        try PlanFile.write(try planned(to: wanted), to: path)
        #expect(code { _ = try PlanFile.read(path, for: try wish(wanted)) } == nil)
        #expect(code { _ = try PlanFile.read(path, for: try wish()) } == "plan_of_topology")
    }

    @Test func howAPlanIsMadeIsNotSaidOfOneThatIsThere() throws {
        func options(_ line: String) throws -> PlanOptions {
            try PlanOptions.parse(line.split(separator: " ").map(String.init))
        }
        for line in ["--tolerance 3", "--expires 2h"] {
            #expect(code { try options(line).requireNone(beside: "plan.json") } == "plan_is_made", "\(line)")
            #expect(code { try options(line).requireNone(beside: nil) } == nil)
        }
        #expect(code { try options("").requireNone(beside: "plan.json") } == nil)
    }

    /// Ctrl-c between the yes and the answer left nobody who knew the task's id.
    @Test func whoeverIsInterruptedIsToldHowToFindOut() throws {
        let planned = try planned(to: topology())
        let request = ApplyTopologyRequest(
            task: PrincipalID(high: 1, low: 2), document: nil, drains: nil, base: planned.base, plan: planned.plan,
            limits: TaskLimits(slices: 16), despiteBlockers: false, reason: "")
        let failure = PlanDesk.open(request, try Views.name("north"), "interrupted before an answer came")
        #expect(failure.status == .running && failure.changed && failure.code == "still_open")
        #expect(failure.next?.contains("boltctl rebalance status \(request.task)") == true, "\(failure)")
        #expect(failure.next?.contains("--task \(request.task) --driver north") == true, "\(failure)")
    }

    @Test func anApplyIsFoundByTheBeginningOfItsId() throws {
        let (one, two) = (Views.bytes(0x12), Views.bytes(0x13))
        #expect(try ApplyFinder.one(of: [one], "1212") == one)
        #expect(code { _ = try ApplyFinder.one(of: [], "1212") } == "not_found")
        #expect(code { _ = try ApplyFinder.one(of: [one, two], "1") } == "ambiguous")
    }
}
