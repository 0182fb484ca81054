internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    /// What operators look at. Everything is answered from one moment of the node.
    func read(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let views = NodeViews(configuration: configuration)
        let limit = try request.limit()
        switch request.endpoint {
        case .status:
            var status = await node.read { views.status($0) }
            status.add(tasks: await allTasks())
            status.add(alarms: await policyAlarms())
            return try .json(status)
        case .bolts:
            return try .json(
                await node.read { BoltsResponse(bolts: views.bolts($0), freshness: views.freshness($0)) })
        case .bolt: return try .json(await node.read { try views.bolt($0, named: request.arguments[0]) })
        case .partitions:
            try await requireAdmitted(request)
            return try .json(
                await node.read { PartitionsResponse(partitions: views.partitions($0), freshness: views.freshness($0)) }
            )
        case .envoys:
            let (after, name) = (try request.item("after", as: PrincipalID.self), request.query["name"])
            var page = try await node.read { try views.envoys($0, name: name, after: after, limit: limit) }
            page.envoys = await seen(page.envoys, detailed: false)
            return try .json(page)
        case .envoy:
            var answer = try await node.read { try views.envoy($0, subject: request.arguments[0]) }
            answer.envoy = await seen([answer.envoy], detailed: true)[0]
            if answer.envoy.owner == configuration.partition {
                answer.envoy.policy = try await policy.envoyView(of: answer.envoy.id)
            }
            return try .json(answer)
        case .envoyExplain: return try .json(await node.read { try views.explain($0, subject: request.arguments[0]) })
        case .roster:
            let after = try request.item("after", as: PrincipalID.self)
            let role = try request.item("role", as: PrincipalRole.self)
            return try .json(await node.read { views.roster($0, role: role, after: after, limit: limit) })
        case .rosterLog:
            let after = try request.item("after", as: Dot.self)
            return try .json(await node.read { try views.log($0, after: after, limit: limit) })
        case .rosterDigest: return try .json(await node.read { views.digest($0) })
        case .rosterConflicts: return try .json(await node.read { views.conflicts($0) })
        case .rosterContext:
            let role = try request.item("role", as: PrincipalRole.self)
            let subject = request.query["subject"]
            return try .json(await node.read { views.context($0, subject: subject, role: role) })
        case .rosterReceipt:
            guard let dot = try request.item("dot", as: Dot.self) else {
                throw Problem(.badRequest, "dot is missing")
            }
            return try .json(await node.read { try views.receipt($0, of: dot) })
        case .tokens:
            return try .json(
                await node.read { TokensResponse(tokens: views.tokens($0), freshness: views.freshness($0)) })
        case _: throw Problem(.notFound, "no such path")
        }
    }

    /// Envoys with what this bolt's partition keeps of them: those that report to it.
    private func seen(_ envoys: [EnvoyView], detailed: Bool) async -> [EnvoyView] {
        await partition.read { partition in
            envoys.map { envoy in
                guard let record = try? partition.store.tables.envoys.record(of: envoy.id) else { return envoy }
                var envoy = envoy
                envoy.lastSeenAt = record.lastSeen
                if detailed, let document = record.traits?.document {
                    envoy.traits = try? APIJSON.decode([String: JSONValue].self, from: Data(document))
                }
                if detailed, let queues = try? partition.store.tables.results.queues(of: envoy.id) {
                    envoy.storedThrough = queues.last?.storedThrough
                    envoy.holes = queues.reduce(0) { $0 + $1.holes }
                }
                return envoy
            }
        }
    }
}
