import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// What the steps about slices are made of.
extension DemoRun {
    /// Makes a topology the one in force. Gives the plan, and what became of it.
    func apply(
        _ document: String, reason: String, options line: [String] = []
    ) async throws -> (plan: TopologyPlan, result: ApplyTopologyResponse) {
        guard let topology = TopologyDocument(parsing: document, file: "demo").topology else {
            throw CommandFailure("bad_topology", "the demo's topology breaks a rule")
        }
        let desk = PlanDesk(session: try mesh.session())
        var wish = try PlanWish(file: nil, PlanOptions.parse([]))
        wish.topology = (value: topology, document: document)
        let planned = try await desk.plan(wish)
        let options = try ApplyOptions.parse(line)
        let request = ApplyTopologyRequest(
            task: try options.id(), document: document, drains: nil, base: planned.base, plan: planned.plan,
            limits: try options.budget.limits(), despiteBlockers: false, reason: reason)
        let driver = try await options.driver(desk.session, near: planned.bolt)
        return (planned.plan, try await desk.apply(request, driver))
    }

    /// Puts back what a task has moved.
    func reverse(_ task: TaskView, reason: String) async throws -> TaskView {
        let answer = try await TaskDesk(session: try mesh.session()).change(
            task, ChangeTaskRequest(action: .reverse, reason: reason), dryRun: false)
        return answer.task
    }

    /// Waits until a task is as wanted, whichever bolt says so; gives it as it was seen last.
    func waitForTask(
        _ id: PrincipalID, seconds: Double = 120, until isEnough: (TaskView) -> Bool = { $0.isOver }
    ) async throws -> TaskView? {
        let client = try mesh.session().client
        defer { client.close() }
        var last: TaskView?
        let found: TaskView? = try await Waiting.until(seconds: seconds, every: .milliseconds(10)) {
            guard let answer: TaskResponse = try? await client.call(.task, [id.apiText]) else { return nil }
            last = answer.task
            return isEnough(answer.task) ? answer.task : nil
        }
        return found ?? last
    }

    /// Waits until the owners of all slices together count so many machines; gives how many, nil where it takes long.
    func waitForCount(of least: UInt64) async throws -> UInt64? {
        let client = try mesh.session().client
        defer { client.close() }
        return try await Waiting.until(seconds: 30, every: .milliseconds(200)) {
            let page: SlicesResponse = try await client.call(.slices, query: [("limit", "\(APILimits.pageCountMax)")])
            let count = page.slices.reduce(0) { $0 + ($1.envoys ?? 0) }
            return count >= least ? count : nil
        }
    }

    /// Notes whether every slice has one owner that serves it, and all bolts agree.
    func recordSlices(_ step: String, _ claim: String) async throws {
        let session = try mesh.session()
        let (found, seconds) = try await timed { try await SliceVerifier(session: session).verify(seconds: 30) }
        let (verification, lines) = found
        let owners = lines.compactMap(\.answer).first?.groups.flatMap(\.owners) ?? []
        let shares = Dictionary(grouping: owners, by: \.partition).mapValues { $0.reduce(0) { $0 + Int($1.slices) } }
        let detail = shares.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        record(
            step, claim, verification.isVerified && verification.slices > 0, seconds,
            verification.findings.first?.what ?? "\(Plural.text(verification.slices, "slice")): \(detail)")
    }

    /// Writers that ask all bolts in turn: whoever owns their slices.
    func loadEverywhere(_ envoys: [(name: String, directory: String)]) throws -> DemoLoad {
        let addresses = mesh.bolts.map(\.bolt.address)
        return DemoLoad(
            try envoys.enumerated().map { place, envoy in
                let turn = place % addresses.count
                return try LoadWriter(
                    name: envoy.name, identity: "\(envoy.directory)/identity",
                    addresses: Array(addresses[turn...] + addresses[..<turn]))
            })
    }
}
