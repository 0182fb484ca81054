import BoltAPI
import Foundation
import Spanner
import Testing

/// The API's JSON: one form of each value, snake_case keys, and typed errors for everything else.
@Suite struct ShapeTests {
    private static let hex64 = String(repeating: "ab", count: 32)
    private static let hex32 = String(repeating: "cd", count: 16)

    private func roundTrip<Value: Codable & Equatable>(_ value: Value) throws {
        let json = try APIJSON.encode(value)
        #expect(try APIJSON.decode(Value.self, from: json) == value)
        #expect(try APIJSON.encode(APIJSON.decode(Value.self, from: json)) == json)
    }

    @Test func identifiersHaveOneTextEach() throws {
        let dot = "\(Self.hex64):00000000000000ff:7"
        let fingerprint = try #require(KeyFingerprint(apiText: Self.hex64))
        let id = try #require(PrincipalID(apiText: Self.hex32))
        try roundTrip([fingerprint])
        try roundTrip([id])
        try roundTrip([try #require(TokenID(apiText: Self.hex32))])
        try roundTrip([try #require(MeshID(apiText: Self.hex64))])
        try roundTrip([try #require(QueueIncarnation(apiText: Self.hex32))])
        try roundTrip(PrincipalRole.allCases)
        #expect(
            String(decoding: try APIJSON.encode(PrincipalRole.allCases), as: UTF8.self)
                == #"["bolt","envoy","operator"]"#)
        let json = try APIJSON.encode([dot])
        #expect(try APIJSON.encode(APIJSON.decode([DotText].self, from: json)) == json)
    }

    /// A dot as it travels, without naming its type here.
    private struct DotText: Codable {
        let change: ChangeDot
        init(from decoder: any Decoder) throws { change = try ChangeDot(from: decoder) }
        func encode(to encoder: any Encoder) throws { try change.encode(to: encoder) }
        typealias ChangeDot = Probe<ReceiptResponse>
    }

    /// Reads a receipt's dot through the receipt's own shape.
    private struct Probe<Shape>: Codable {
        let text: String
        init(from decoder: any Decoder) throws {
            text = try decoder.singleValueContainer().decode(String.self)
            let json = Data(#"{"dot":"\#(text)","complete":true,"bolts":[]}"#.utf8)
            let receipt = try APIJSON.decode(ReceiptResponse.self, from: json)
            guard receipt.dot.apiText == text else { throw CocoaError(.coderInvalidValue) }
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(text)
        }
    }

    @Test(arguments: [
        "", ":", "ab:cd:1", "\(hex64):00000000000000ff", "\(hex64):00000000000000ff:0", "\(hex64):ff:1",
        "\(hex64):00000000000000ff:281474976710656", "\(hex64):00000000000000ff:-1", "\(hex64):00000000000000fg:1",
    ])
    func textThatIsNoDotIsRefused(text: String) {
        let json = Data(#"{"dot":"\#(text)","complete":true,"bolts":[]}"#.utf8)
        #expect(throws: DecodingError.self) { try APIJSON.decode(ReceiptResponse.self, from: json) }
    }

    @Test func levelsAreWords() throws {
        for (level, word) in [(AckLevel.local, "local"), (.paired, "paired"), (.spread(2), "spread(2)")] {
            #expect(level.apiText == word)
            #expect(AckLevel(apiText: word) == level)
        }
        for text in ["", "spread", "spread(1)", "spread(-2)", "spread(99999)", "Local"] {
            #expect(AckLevel(apiText: text) == nil, "\(text)")
        }
        #expect(AckLevel.local < .paired && .paired < .spread(2) && .spread(2) < .spread(3))
    }

    /// P2: an epoch and a place in a journal have one text each; whatever is near is refused.
    @Test func epochsAndPlacesHaveOneTextEach() throws {
        let minter = "\(Self.hex64):00000000000000ff"
        let epoch = try #require(PartitionEpoch(apiText: "3.1@\(minter)"))
        #expect(epoch.number == 3 && epoch.renewal == 1 && epoch.shortText == "3.1")
        let point = try #require(LogPoint(apiText: "3.0@\(minter):1284:\(Self.hex64)"))
        #expect(point.shortText == "3:1284:abababababababab" && point.position == 1284)
        try roundTrip([epoch])
        try roundTrip([point])
        try roundTrip([try #require(OperationID(apiText: Self.hex32))])
        for text in [
            "", "3", "3@\(minter)", "3.1@", "03.1@\(minter)", "3.-1@\(minter)", "3.1.2@\(minter)", "+3.1@\(minter)",
        ] {
            #expect(PartitionEpoch(apiText: text) == nil, "\(text)")
            #expect(LogPoint(apiText: "\(text):1:\(Self.hex64)") == nil, "\(text)")
        }
        for tail in ["", ":1", ":1:\(Self.hex32)", ":01:\(Self.hex64)", ":1:\(Self.hex64):"] {
            #expect(LogPoint(apiText: "3.0@\(minter)\(tail)") == nil, "\(tail)")
        }
    }

    @Test func aCheckInKeepsItsBytesAndItsTraits() throws {
        let request = CheckInRequest(
            traits: [
                "os": .string("linux"), "cpus": .integer(8), "load": .number(0.5),
                "tags": .array([.null, .bool(true)]),
            ],
            queueIncarnation: try #require(QueueIncarnation(apiText: Self.hex32)), firstHeld: 1,
            results: [EnvoyResult(sequence: 1, body: Base64Bytes([0, 255, 10]))],
            highest: OwnerMark(register: 0, epoch: 1))
        try roundTrip(request)
        let json = String(decoding: try APIJSON.encode(request), as: UTF8.self)
        #expect(json.contains(#""queue_incarnation""#) && json.contains(#""body":"AP8K""#))
        #expect(!json.contains("held_digest"))
    }

    @Test func deepJSONIsRefusedAndNeverATrap() {
        let depth = APILimits.jsonDepthMax + 2
        let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(throws: DecodingError.self) { try APIJSON.decode(JSONValue.self, from: Data(deep.utf8)) }
    }

    @Test func decodingErrorsNameThePathAndNotTheInput() throws {
        let json = Data(#"{"token":"secret-token","name":"Not A Host","csr_pem":"","sealing_key":"","labels":{}}"#.utf8)
        do {
            _ = try APIJSON.decode(EnrolRequest.self, from: json)
            Issue.record("it was taken")
        } catch {
            let text = APIJSON.explain(error)
            #expect(text.contains("name") || text.contains("sealing_key"))
            #expect(!text.contains("secret-token"))
        }
    }

    @Test func everyKindOfProblemHasAStatusATitleAndANextStep() throws {
        var seen: Set<String> = []
        for code in Problem.Code.all {
            #expect(seen.insert(code.rawValue).inserted)
            #expect((400...599).contains(code.status), "\(code.rawValue)")
            #expect(!code.title.isEmpty && !code.next.isEmpty)
            try roundTrip(Problem(code, "detail"))
        }
    }

    @Test func problemsEndProgramsWithTheContractsCodes() {
        #expect(Problem(.banned, "").exitStatus == .notPermitted)
        #expect(Problem(.notAuthenticated, "").exitStatus == .notPermitted)
        #expect(Problem(.refusedBySafetyRule, "").exitStatus == .refused)
        #expect(Problem(.ownerUnreachable, "").exitStatus == .unavailable)
        #expect(Problem(.notFound, "").exitStatus == .error)
        #expect(Problem(.noPrimary, "").exitStatus == .unavailable)
        for code in Problem.Code.safetyRefusals {
            #expect(Problem(code, "").exitStatus == .refused && code.status == 409, "\(code.rawValue)")
        }
        #expect(ExitStatus.allCases.map(\.rawValue).sorted() == [0, 1, 2, 3, 4, 5, 64, 69, 77])
    }
}

/// S6: the table of endpoints is closed, and nothing else matches.
@Suite struct EndpointTests {
    @Test func everyEndpointIsFoundByItsOwnPathAndOnlyOnItsListener() {
        for endpoint in Endpoint.allCases {
            let path = endpoint.path("x", "y")
            let segments = path.split(separator: "/").map(String.init)
            let found = Endpoint.match(endpoint.method, segments: segments, on: endpoint.listener)
            #expect(found?.endpoint == endpoint, "\(endpoint)")
            #expect(found?.arguments.count == endpoint.path.filter { $0 == "{" }.count)
        }
    }

    @Test func methodAndPathTogetherAreUniqueOnAListener() {
        let keys = Endpoint.allCases.map { "\($0.listener) \($0.method.rawValue) \($0.path)" }
        #expect(Set(keys).count == keys.count)
    }

    @Test(arguments: [
        "", "/", "/v1", "/v1/enroll/", "/v1/roster/nothing", "/v2/status", "/metrics", "/v1/envoys/a/b/c",
    ])
    func unlistedPathsMatchNothing(path: String) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        for method in Endpoint.Method.allCases {
            #expect(Endpoint.match(method, segments: segments, on: .main) == nil, "\(method) \(path)")
        }
    }

    @Test func onlyEnrolmentHealthAndTheWebhookNeedNoCertificate() {
        let open = Endpoint.allCases.filter {
            $0.listener == .main && [.anyone, .tokenHolder, .secretHolder].contains($0.access)
        }
        #expect(Set(open) == [.enroll, .health, .healthHead, .policyWebhook])
    }

    @Test func whatChangesIsNeverAViewersAndReadsTakeNoBody() {
        for endpoint in Endpoint.allCases {
            if endpoint.mutates { #expect(endpoint.access != .operator(.viewer) && endpoint.bodyBytesMax > 0) }
            // What is planned, judged or compared is sent along, and nothing is changed.
            let isQuestion = [Endpoint.planTopology, .stackDiff, .validateStack].contains(endpoint)
            if !endpoint.mutates, !isQuestion { #expect(endpoint.bodyBytesMax == 0) }
        }
    }
}
