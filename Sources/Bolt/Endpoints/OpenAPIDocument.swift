internal import BoltAPI
internal import Foundation

/// The OpenAPI 3.1 description of the listed endpoints, made from the same table that the requests are matched by.
enum OpenAPIDocument {
    /// The document as JSON.
    static func json() throws -> Data {
        var paths: [String: JSONValue] = [:]
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            var operations: [String: JSONValue] = [:]
            if case .object(let known)? = paths[endpoint.path] { operations = known }
            operations[endpoint.method.rawValue.lowercased()] = operation(endpoint)
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
            "components": .object(["schemas": .object(["Problem": problemSchema])]),
        ]
        return try APIJSON.encode(document)
    }

    private static func operation(_ endpoint: Endpoint) -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.rawValue), "summary": .string(summary(endpoint)),
            "responses": .object(responses(endpoint)),
        ]
        var parameters = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            parameter(
                String(part.dropFirst().dropLast()), place: "path",
                schema: ["type": .string("string"), "minLength": .integer(1)])
        }
        parameters += queries(endpoint)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if endpoint.bodyBytesMax > 0 {
            operation["requestBody"] = .object([
                "required": .bool(true),
                "content": .object(["application/json": .object(["schema": .object(["type": .string("object")])])]),
            ])
        }
        return .object(operation)
    }

    private static func queries(_ endpoint: Endpoint) -> [JSONValue] {
        let text: [String: JSONValue] = ["type": .string("string")]
        let limit: [String: JSONValue] = [
            "type": .string("integer"), "minimum": .integer(1), "maximum": .integer(Int64(APILimits.pageCountMax)),
        ]
        switch endpoint {
        case .envoys:
            return [
                parameter("name", place: "query", schema: text), parameter("after", place: "query", schema: text),
                parameter("limit", place: "query", schema: limit),
            ]
        case .roster:
            return [
                parameter("role", place: "query", schema: text), parameter("after", place: "query", schema: text),
                parameter("limit", place: "query", schema: limit),
            ]
        case .rosterLog:
            return [
                parameter("after", place: "query", schema: text), parameter("limit", place: "query", schema: limit),
            ]
        case .rosterContext:
            return [
                parameter("subject", place: "query", schema: text), parameter("role", place: "query", schema: text),
            ]
        case .rosterReceipt: return [parameter("dot", place: "query", schema: text, required: true)]
        case .createToken, .postAct, .removeEnvoy:
            return [parameter("dry_run", place: "query", schema: ["type": .string("boolean")])]
        case _: return []
        }
    }

    private static func parameter(
        _ name: String, place: String, schema: [String: JSONValue], required: Bool = false
    ) -> JSONValue {
        .object([
            "name": .string(name), "in": .string(place), "required": .bool(required || place == "path"),
            "schema": .object(schema),
        ])
    }

    private static func responses(_ endpoint: Endpoint) -> [String: JSONValue] {
        let answer: JSONValue = .object([
            "description": .string("Done."),
            "content": .object(["application/json": .object(["schema": .object(["type": .string("object")])])]),
        ])
        let problem: JSONValue = .object([
            "description": .string("A problem, with a stable code."),
            "content": .object([
                Problem.contentType: .object([
                    "schema": .object(["$ref": .string("#/components/schemas/Problem")])
                ])
            ]),
        ])
        guard endpoint != .health, endpoint != .healthHead else {
            let codes = Set(HealthResponse.State.allCases.map(\.httpStatus)).sorted()
            return Dictionary(uniqueKeysWithValues: codes.map { ("\($0)", answer) } + [("default", answer)])
        }
        return ["200": answer, "default": problem]
    }

    private static func summary(_ endpoint: Endpoint) -> String {
        switch endpoint.access {
        case .anyone: "For anyone."
        case .tokenHolder: "For holders of a join token."
        case .envoy: "For envoys."
        case .bolt: "For bolts."
        case .operator(let rank): "For operators of at least the rank \(rank.rawValue)."
        }
    }

    private static let problemSchema: JSONValue = {
        let text: JSONValue = .object(["type": .string("string")])
        return .object([
            "type": .string("object"),
            "required": .array(["type", "title", "status", "detail", "code", "changed", "next"].map { .string($0) }),
            "properties": .object([
                "type": text, "title": text, "status": .object(["type": .string("integer")]), "detail": text,
                "code": text, "changed": .object(["type": .string("boolean")]), "next": text,
            ]),
        ])
    }()
}
