import BoltAPI
import Foundation
import Testing

@testable import Bolt

/// The OpenAPI document: whole, and without loose ends.
@Suite struct OpenAPITests {
    private func document() throws -> [String: JSONValue] {
        try APIJSON.decode([String: JSONValue].self, from: OpenAPIDocument.json())
    }

    private func member(_ value: JSONValue?, _ keys: String...) -> JSONValue? {
        keys.reduce(value) { value, key in
            guard case .object(let members)? = value else { return nil }
            return members[key]
        }
    }

    @Test func everyBodyHasTheSchemaOfItsShape() throws {
        let paths = try document()["paths"]
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            let operation = member(paths, endpoint.path, endpoint.method.rawValue.lowercased())
            let body = member(operation, "requestBody", "content", "application/json", "schema", "$ref")
            let shape = endpoint.requestShape.map { JSONValue.string("#/components/schemas/\($0)") }
            #expect(body == shape, "\(endpoint)")
            let answer = member(operation, "responses", "200", "content", "application/json", "schema")
            #expect((answer == nil) == (endpoint.answerShape == nil), "\(endpoint)")
            if let answer, ![.openAPI, .peerOperator].contains(endpoint), let shape = endpoint.answerShape {
                #expect(member(answer, "$ref") == .string("#/components/schemas/\(shape)"), "\(endpoint)")
            }
            #expect(member(operation, "operationId") == .string(endpoint.rawValue))
        }
    }

    @Test func everyReferenceLeadsSomewhereAndEveryComponentIsUsed() throws {
        let document = try document()
        guard case .object(let components)? = member(document["components"], "schemas") else {
            Issue.record("no components")
            return
        }
        var used: Set<String> = []
        collect(.object(document), into: &used)
        let prefix = "#/components/schemas/"
        #expect(Set(components.keys.map { prefix + $0 }) == used)
    }

    private func collect(_ value: JSONValue, into used: inout Set<String>) {
        switch value {
        case .object(let members):
            if let reference = members["$ref"]?.text { used.insert(reference) }
            for member in members.values { collect(member, into: &used) }
        case .array(let values): for value in values { collect(value, into: &used) }
        case .null, .bool, .integer, .number, .string: break
        }
    }

    @Test func everySegmentInBracesIsAParameter() throws {
        let paths = try document()["paths"]
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            let names = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }
                .map { JSONValue.string(String($0.dropFirst().dropLast())) }
            var declared: [JSONValue] = []
            let operation = member(paths, endpoint.path, endpoint.method.rawValue.lowercased())
            if case .array(let parameters)? = member(operation, "parameters") {
                declared = parameters.filter { member($0, "in") == .string("path") }.compactMap { member($0, "name") }
            }
            #expect(declared == names, "\(endpoint)")
        }
    }
}
