import BoltAPI
import Foundation
import Logging
import Spanner
import Testing

@testable import Bolt

/// Health codes, the OpenAPI document, metrics and bounds of JSON.
@Suite struct ShapeTests {
    @Test func healthCodesAreThoseOfTheContract() {
        let codes: [HealthResponse.State: Int] = [
            .active: 200, .standby: 429, .behind: 473, .orphaned: 474, .maintenance: 472, .notInitialised: 501,
            .waiting: 501, .sealed: 503, .starting: 503, .draining: 503, .removed: 530, .fenced: 530,
        ]
        for state in HealthResponse.State.allCases {
            #expect(HealthCodes.status(of: state, query: [:]) == codes[state], "\(state)")
        }
        #expect(HealthCodes.status(of: .standby, query: ["standbyok": "true"]) == 200)
        #expect(HealthCodes.status(of: .behind, query: ["standbyok": "true"]) == 473)
        #expect(HealthCodes.status(of: .behind, query: ["behindcode": "200"]) == 200)
        #expect(HealthCodes.status(of: .orphaned, query: ["orphanedcode": "503"]) == 503)
        #expect(HealthCodes.status(of: .waiting, query: ["uninitcode": "200"]) == 200)
        #expect(HealthCodes.status(of: .fenced, query: ["fencedcode": "503"]) == 503)
        #expect(HealthCodes.status(of: .removed, query: ["removedcode": "204"]) == 204)
        #expect(HealthCodes.status(of: .active, query: ["activecode": "99"]) == 200)
        #expect(HealthCodes.status(of: .active, query: ["removedcode": "204"]) == 200)
    }

    @Test func theOpenAPIDocumentHasEveryEndpointOfTheMainListener() throws {
        let document = try #require(
            try JSONSerialization.jsonObject(with: OpenAPIDocument.json()) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            let operation = paths[endpoint.path]?[endpoint.method.rawValue.lowercased()] as? [String: Any]
            #expect(operation?["operationId"] as? String == endpoint.rawValue)
        }
        #expect(document["openapi"] as? String == "3.1.0")
    }

    @Test(arguments: BoltMetric.allCases)
    func metricsAreNamedAfterTheirUnitAndKind(_ metric: BoltMetric) {
        #expect(metric.rawValue.hasPrefix("bolt_"))
        #expect(metric.rawValue.hasSuffix("_total") == (metric.kind == .counter))
        #expect(metric.unit != "seconds" || metric.rawValue.hasSuffix("_seconds"))
        #expect(!metric.meaning.isEmpty)
    }

    @Test func metricsAreToldAsPrometheusReadsThem() {
        let registry = MetricsRegistry()
        registry.add(.requests, ["enroll", "200"], by: 2)
        registry.observe(.commitSeconds, [], 0.003)
        registry.set(.connections, ["a\"b\n"], to: 1)
        let text = registry.text()
        #expect(text.contains("bolt_http_requests_total{endpoint=\"enroll\",status=\"200\"} 2\n"))
        #expect(text.contains("bolt_store_commit_duration_seconds_bucket{le=\"0.0025\"} 0\n"))
        #expect(text.contains("bolt_store_commit_duration_seconds_bucket{le=\"0.005\"} 1\n"))
        #expect(text.contains("bolt_store_commit_duration_seconds_bucket{le=\"+Inf\"} 1\n"))
        #expect(text.contains("bolt_connections{use=\"a\\\"b\\n\"} 1\n"))
    }

    @Test func aMetricHasBoundedSeries() {
        let registry = MetricsRegistry()
        for number in 0..<(MetricsRegistry.seriesMax * 2) { registry.add(.requests, ["x\(number)", "200"]) }
        let lines = registry.text().split(separator: "\n").filter { $0.hasPrefix("bolt_http_requests_total") }
        #expect(lines.count <= MetricsRegistry.seriesMax + 1)
        #expect(lines.contains { $0.contains("endpoint=\"other\"") })
    }

    @Test func jsonIsBoundedInDepthBeforeItIsParsed() {
        func tower(_ depth: Int) -> Data {
            Data((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(JSONBounds.holds(tower(APILimits.jsonDepthMax)))
        #expect(!JSONBounds.holds(tower(APILimits.jsonDepthMax + 1)))
        #expect(JSONBounds.holds(Data("\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"".utf8)))
    }

    @Test func logLinesCannotBeForged() {
        #expect(LineLogHandler.quoted("a\"b\n\u{1}") == "\"a\\\"b\\n\\u0001\"")
        // The message stood as it came, and C1 controls and directions stood in values too.
        let event = LogEvent(
            level: .info, message: "a\n\u{1B}[2J\u{202E}", metadata: ["k": "\u{9B}31m\u{2028}x"], source: nil,
            file: "", function: "", line: 0)
        let text = LineLogHandler(label: "bolt", level: .info, json: false).line(event, at: "now")
        #expect(text == "now info a\\u{A}\\u{1B}[2J\\u{202E} k=\"\\u009b31m\\u2028x\"")
        let json = LineLogHandler(label: "bolt", level: .info, json: true).line(event, at: "now")
        #expect(json.unicodeScalars.allSatisfy { !TerminalText.isObeyed($0) }, "\(json)")
        let parsed = try? APIJSON.decode([String: String].self, from: Data(json.utf8))
        #expect(parsed?["message"] == "a\n\u{1B}[2J\u{202E}" && parsed?["k"] == "\u{9B}31m\u{2028}x", "\(json)")
    }

    /// P5, D1: what a check-in may say, at each bound.
    @Test func checkInsAreBoundedAndGapless() throws {
        let queue = try #require(QueueIncarnation(bytes: [UInt8](repeating: 1, count: 16)))
        func check(_ firstHeld: UInt64, _ sequences: [UInt64], bytes: Int = 1) throws {
            let results = sequences.map {
                EnvoyResult(sequence: $0, body: Base64Bytes([UInt8](repeating: 0, count: bytes)))
            }
            _ = try CheckInBody(
                CheckInRequest(traits: [:], queueIncarnation: queue, firstHeld: firstHeld, results: results))
        }
        try check(1, [])
        try check(1, [1, 2, 3])
        try check(3, [5, 6])
        try check(1, [1], bytes: APILimits.resultBytesMax)
        #expect(throws: Problem.self) { try check(0, []) }
        #expect(throws: Problem.self) { try check(1, [0]) }
        #expect(throws: Problem.self) { try check(1, [1, 3]) }
        #expect(throws: Problem.self) { try check(1, [2, 1]) }
        #expect(throws: Problem.self) { try check(4, [3]) }
        #expect(throws: Problem.self) { try check(1, [1], bytes: APILimits.resultBytesMax + 1) }
        let most = (1...UInt64(APILimits.checkInResultsMax)).map { $0 }
        try check(1, most)
        #expect(throws: Problem.self) { try check(1, most + [UInt64(most.count + 1)]) }
    }
}
