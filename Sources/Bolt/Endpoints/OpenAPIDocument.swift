internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner

/// The OpenAPI 3.1 description of the listed endpoints, made from the table that requests are matched by and from the
/// shapes that they are decoded into.
enum OpenAPIDocument {
    /// The document as JSON.
    static func json() throws -> Data {
        let catalogue = SchemaCatalogue()
        var paths: [String: JSONValue] = [:]
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            var operations: [String: JSONValue] = [:]
            if case .object(let known)? = paths[endpoint.path] { operations = known }
            operations[endpoint.method.rawValue.lowercased()] = try operation(endpoint, catalogue)
            paths[endpoint.path] = .object(operations)
        }
        let document: [String: JSONValue] = [
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("Bolt"), "version": .string(BoltVersion.text),
                "description": .string("A mesh of servers that agree on who is admitted, and serve agents."),
                "license": .object(["name": .string("Apache-2.0"), "identifier": .string("Apache-2.0")]),
            ]),
            "paths": .object(paths),
            "components": .object(["schemas": .object(catalogue.components)]),
        ]
        return try APIJSON.encode(document)
    }

    private static func operation(_ endpoint: Endpoint, _ catalogue: SchemaCatalogue) throws -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.rawValue), "summary": .string(summary(endpoint)),
            "responses": .object(try responses(endpoint, catalogue)),
        ]
        let places = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            parameter(String(part.dropFirst().dropLast()), place: "path", schema: text(minLength: 1), required: true)
        }
        let parameters = places + queries(endpoint)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let shape = endpoint.requestShape {
            operation["requestBody"] = .object([
                "required": .bool(true),
                "description": .string("At most \(endpoint.bodyBytesMax) bytes."),
                "content": content("application/json", try catalogue.read(shape).schema),
            ])
        }
        return .object(operation)
    }

    // MARK: Parameters

    private static func queries(_ endpoint: Endpoint) -> [JSONValue] {
        let page = [
            parameter("after", place: "query", schema: text()),
            parameter(
                "limit", place: "query",
                schema: [
                    "type": .string("integer"), "minimum": .integer(1),
                    "maximum": .integer(Int64(APILimits.pageCountMax)),
                ]),
        ]
        let bolt = parameter("bolt", place: "query", schema: text(minLength: 1))
        let role = parameter("role", place: "query", schema: PrincipalRole.schema)
        switch endpoint {
        case .envoys: return [parameter("name", place: "query", schema: text())] + page
        case .envoyResults:
            return [
                parameter("queue", place: "query", schema: QueueIncarnation.schema),
                parameter("raw", place: "query", schema: ["type": .string("boolean")]),
            ] + page
        case .roster: return [role] + page
        case .rosterLog, .secrets, .topologyHistory, .takeoverPreview, .taskMoves: return page
        case .slices:
            return [
                parameter("group", place: "query", schema: GroupName.schema),
                parameter("owner", place: "query", schema: PartitionName.schema),
            ] + page
        case .rosterContext: return [parameter("subject", place: "query", schema: text()), role]
        case .rosterReceipt:
            return [parameter("dot", place: "query", schema: text(minLength: 1), required: true)]
        case .partitionHistory, .partitionOperation: return [bolt]
        case .partitionAudit: return [bolt] + page
        case .partitionSalvage:
            return [bolt, parameter("fate", place: "query", schema: SalvageView.Fate.schema)] + page
        case .createToken, .postAct, .removeEnvoy, .switchover, .promote, .removeMember, .stepDown, .dismissSalvage,
            .auditNote, .initSeal, .unseal, .seal, .putSecret, .removeSecret, .applyTopology, .takeOver, .changeTask,
            .drainBolt, .undrainBolt, .reassignEnvoy, .publishStack, .rollbackStack, .freezeStack, .unfreezeStack,
            .pauseRollout, .resumeRollout, .abortRollout, .pushEnvoys, .abortPush:
            return [parameter("dry_run", place: "query", schema: ["type": .string("boolean")])]
        case _: return endpoint.isAboutPolicy ? policyQueries(endpoint, page: page) : []
        }
    }

    private static func policyQueries(_ endpoint: Endpoint, page: [JSONValue]) -> [JSONValue] {
        let partition = parameter("partition", place: "query", schema: PartitionName.schema)
        switch endpoint {
        case .policyWait:
            return [
                parameter("held", place: "query", schema: Bytes32.schema),
                parameter("order", place: "query", schema: UInt64.schema),
            ]
        case .policyWebhook:
            return [parameter("X-Hub-Signature-256", place: "header", schema: text(minLength: 1), required: true)]
        case .peerPolicy:
            return [partition, parameter("from", place: "query", schema: PrincipalID.schema)] + page
        case .stackStatus, .push: return [partition]
        case .stackHistory: return [partition] + page
        case .stackPreview:
            return [
                parameter("envoy", place: "query", schema: text(minLength: 1), required: true),
                parameter("revision", place: "query", schema: text(minLength: 1)),
            ]
        case _: return []
        }
    }

    private static func parameter(
        _ name: String, place: String, schema: [String: JSONValue], required: Bool = false
    ) -> JSONValue {
        .object([
            "name": .string(name), "in": .string(place), "required": .bool(required), "schema": .object(schema),
        ])
    }

    private static func text(minLength: Int64 = 0) -> [String: JSONValue] {
        minLength == 0
            ? ["type": .string("string")] : ["type": .string("string"), "minLength": .integer(minLength)]
    }

    // MARK: Answers

    private static func responses(
        _ endpoint: Endpoint, _ catalogue: SchemaCatalogue
    ) throws -> [String: JSONValue] {
        var done: [String: JSONValue] = ["description": .string("Done.")]
        if let shape = endpoint.answerShape {
            done["content"] = content("application/json", try catalogue.read(shape).schema)
        }
        guard endpoint != .health, endpoint != .healthHead else {
            let states = Dictionary(grouping: HealthResponse.State.allCases, by: \.httpStatus)
            var answers: [String: JSONValue] = [:]
            for (status, states) in states {
                done["description"] = .string(states.map(\.rawValue).joined(separator: " or "))
                answers["\(status)"] = .object(done)
            }
            return answers
        }
        let problem: JSONValue = .object([
            "description": .string("A problem, with a stable code."),
            "content": content(Problem.contentType, try catalogue.read(Problem.self).schema),
        ])
        if endpoint.answersBytes {
            done["content"] = content("application/octet-stream", .object([:]))
        }
        var answers: [String: JSONValue] = ["200": .object(done), "default": problem]
        if endpoint == .policyWait {
            answers["204"] = .object(["description": .string("Nothing new within the wait.")])
        }
        return answers
    }

    private static func content(_ type: String, _ schema: JSONValue) -> JSONValue {
        .object([type: .object(["schema": schema])])
    }

    private static func summary(_ endpoint: Endpoint) -> String {
        switch endpoint.access {
        case .anyone: "For anyone."
        case .tokenHolder: "For holders of a join token."
        case .secretHolder: "For holders of a shared secret, by which the body is signed."
        case .envoy: "For envoys."
        case .bolt: "For bolts."
        case .operator(let rank): "For operators of at least the rank \(rank.rawValue)."
        }
    }
}
