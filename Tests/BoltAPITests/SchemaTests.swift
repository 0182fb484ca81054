import BoltAPI
import Foundation
import Spanner
import Testing

/// The schemas of the API: read off the shapes, and true of what the shapes encode to.
@Suite struct SchemaTests {
    /// Every shape that travels, with the endpoint where it does.
    private static let shapes: [(String, Endpoint.Shape)] =
        Endpoint.allCases.flatMap { endpoint in
            [("\(endpoint) request", endpoint.requestShape), ("\(endpoint) answer", endpoint.answerShape)]
        }
        .compactMap { name, shape in shape.map { (name, $0) } } + [
            ("problem", Problem.self), ("pending enrolment", EnrolPending.self), ("genesis", GenesisFile.self),
        ]

    private struct Described {
        let root: [String: JSONValue]
        let schema: JSONValue
        let example: JSONValue
    }

    private func describe<Shape: Codable>(_ shape: Shape.Type) throws -> Described {
        let catalogue = SchemaCatalogue()
        let (schema, example) = try catalogue.read(shape)
        let root: [String: JSONValue] = ["components": .object(["schemas": .object(catalogue.components)])]
        return Described(root: root, schema: schema, example: try json(APIJSON.encode(example)))
    }

    private func json(_ data: Data) throws -> JSONValue { try APIJSON.decode(JSONValue.self, from: data) }

    private func check(_ described: Described) -> SchemaCheck {
        var root = described.root
        if case .object(let schema) = described.schema { root.merge(schema) { $1 } }
        return SchemaCheck(.object(root))
    }

    /// The same schema with nothing optional and nothing unknown allowed.
    private func strict(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let values): return .array(values.map { strict($0) })
        case .object(var members):
            if case .object(let properties)? = members["properties"] {
                members["properties"] = .object(properties.mapValues { strict($0) })
                members["required"] = .array(properties.keys.sorted().map { .string($0) })
                members["additionalProperties"] = .bool(false)
                return .object(members)
            }
            return .object(members.mapValues { strict($0) })
        case .null, .bool, .integer, .number, .string: return value
        }
    }

    @Test func everyShapeEncodesToItsSchema() throws {
        for (name, shape) in Self.shapes {
            let described = try describe(shape)
            #expect(check(described).violations(of: described.example) == [], "\(name)")
            // Not a property more, not one less.
            let exact = Described(
                root: ["components": strict(described.root["components"] ?? .null)], schema: described.schema,
                example: described.example)
            #expect(check(exact).violations(of: exact.example) == [], "\(name), exactly")
        }
    }

    /// What a schema requires is what decoding misses, and nothing else.
    @Test func requiredIsWhatDecodingRequires() throws {
        for (name, shape) in Self.shapes { try everyProperty(of: shape, name) }
    }

    private func everyProperty<Shape: Codable>(of shape: Shape.Type, _ name: String) throws {
        let described = try describe(shape)
        guard case .object(let members) = described.example, case .object(let reference) = described.schema,
            reference["$ref"] != nil
        else { return }
        for key in members.keys.sorted() {
            var less = members
            less[key] = nil
            let data = try APIJSON.encode(less)
            let isMissed = !check(described).violations(of: .object(less)).isEmpty
            let isRefused = (try? APIJSON.decode(shape, from: data)) == nil
            #expect(isMissed == isRefused, "\(name): \(key)")
        }
    }

    /// The schema refuses what the program refuses, at the leaves.
    @Test func wordsAndPatternsRefuseWhatDecodingRefuses() throws {
        let described = try describe(CreateTokenRequest.self)
        guard case .object(let members) = described.example else {
            Issue.record("no object")
            return
        }
        for (key, value) in [
            ("kind", JSONValue.string("forever")), ("uses", .integer(-1)), ("uses", .string("1")),
            ("uses", .integer(1 << 32)), ("group", .string("No_Label")), ("home", .integer(1)),
            ("labels", .array([])), ("labels", .object(["a": .integer(1)])), ("expires_seconds", .integer(-1)),
        ] {
            var changed = members
            changed[key] = value
            #expect(!check(described).violations(of: .object(changed)).isEmpty, "\(key): \(value)")
            let data = try APIJSON.encode(changed)
            #expect(throws: DecodingError.self) { try APIJSON.decode(CreateTokenRequest.self, from: data) }
        }
        // Unknown keys are ignored: an older program understands a newer one.
        var more = members
        more["new"] = .bool(true)
        #expect(check(described).violations(of: .object(more)) == [])
    }

    @Test func componentsAreNamedAndListedOnce() throws {
        let catalogue = SchemaCatalogue()
        for (_, shape) in Self.shapes { _ = try catalogue.read(shape) }
        for name in [
            "StatusResponse", "BoltView", "Freshness", "Problem", "ReceiptResponse.Line", "RosterContextResponse.Entry",
            "GenesisFile.Run", "CheckInRequest", "EnvoyResult",
        ] { #expect(catalogue.components[name] != nil, "\(name)") }
        for name in catalogue.components.keys {
            #expect(name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") }, "\(name)")
        }
        guard case .object(let view)? = catalogue.components["BoltView"],
            case .object(let fields)? = view["properties"],
            case .object(let reach)? = fields["reach"]
        else {
            Issue.record("BoltView has no reach")
            return
        }
        #expect(reach["enum"] == .array(BoltView.Reach.allCases.map { .string($0.rawValue) }))
    }

    /// What takes a body says which, and what takes none says none.
    @Test func shapesAndLimitsAgree() {
        for endpoint in Endpoint.allCases {
            #expect((endpoint.requestShape != nil) == (endpoint.bodyBytesMax > 0), "\(endpoint)")
            let hasNone =
                [.live, .ready, .metrics].contains(endpoint) || endpoint.method == .head || endpoint.answersBytes
            #expect((endpoint.answerShape == nil) == hasNone, "\(endpoint)")
        }
    }

    private struct Holder: Codable, Sendable {
        let again: [Holder]
    }

    private struct Odd: Codable, Sendable {
        let byte: Int8
    }

    /// A shape that cannot be described is an error, never a schema that says too little.
    @Test func shapesThatCannotBeDescribedAreRefused() {
        #expect(throws: SchemaCatalogue.Unknown.self) { try SchemaCatalogue().read(Holder.self) }
        #expect(throws: SchemaCatalogue.Unknown.self) { try SchemaCatalogue().read(Odd.self) }
    }
}
