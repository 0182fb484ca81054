import BoltAPI
import CRDT
import Foundation

/// Plans that are kept in files between looking at them and carrying them out.
enum PlanFile {
    /// Writes a plan; nobody else may change it meanwhile.
    static func write(_ planned: PlanTopologyResponse, to path: String) throws {
        let data = try APIJSON.encode(planned, pretty: true)
        do {
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CommandFailure(
                "file_failure", "the plan cannot be written to \(path)", reason: error.localizedDescription,
                next: "name another file with --out", status: .usage)
        }
        Console.note("the plan \(planned.plan.id.shortHex) is in \(path)")
    }

    /// Reads a plan, and refuses one that does not lead where the wish does, or whose id is not its own.
    static func read(_ path: String, for wish: PlanWish) throws -> PlanTopologyResponse {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("no_such_file", "\(path) cannot be read", next: "check the path", status: .usage)
        }
        let planned: PlanTopologyResponse
        do {
            planned = try APIJSON.decode(PlanTopologyResponse.self, from: data)
        } catch {
            throw CommandFailure(
                "bad_plan", "\(path) is no plan", reason: APIJSON.explain(error),
                next: "write one with --out of a plan command", status: .usage)
        }
        try require(planned, for: wish, path)
        try PlanDesk.require(planned, for: wish)
        return planned
    }

    /// Refuses the plan of another topology where the one in force is to stay: it would be called altered.
    private static func require(_ planned: PlanTopologyResponse, for wish: PlanWish, _ path: String) throws {
        guard wish.topology == nil, planned.plan.leadsTo != planned.plan.madeOn else { return }
        throw CommandFailure(
            "plan_of_topology", "\(path) is a plan that leads to another topology",
            reason: "a rebalance leaves the topology as it is; nothing was changed",
            next: "boltctl topology apply FILE --plan \(path), with the file that it was made of", status: .usage)
    }
}
