internal import BoltAPI
internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore
internal import Spanner
internal import SpannerTransport

/// One request on its way through an endpoint: whose it is, what it names, and its body once it is read.
struct HTTPRequestContext: Sendable {
    /// Which endpoint.
    let endpoint: Endpoint
    /// Values of the path's segments in braces.
    let arguments: [String]
    /// Items of the query, first of each name.
    let query: [String: String]
    /// Who asks.
    let caller: Authorisation.Caller
    /// The certificate that was shown, whatever the endpoint asks for.
    let peer: CertifiedPeer?
    /// The body; empty where the endpoint takes none.
    var body: Data
    /// The request's id, in the answer and in log lines.
    let requestID: String
    /// Whether the caller would rather be told where to ask than have its request passed on.
    var refusesForwarding = false
    /// Path and query as they were asked for.
    var target = ""
    /// The header `X-Hub-Signature-256`, where there is one.
    var signature: String?
    /// How often it was passed on before it came here.
    var hops = 0
    /// The bolt that passed it on.
    var forwardedBy: PrincipalID?

    /// The same without what it carries, for what outlives the answer: a body may hold a key.
    var withoutBody: HTTPRequestContext {
        var context = self
        context.body = Data()
        return context
    }

    /// The admitted principal that asks. Endpoints that ask for a role always have one.
    var principal: Principal? {
        if case .principal(let principal, _, _) = caller { return principal }
        return nil
    }

    /// Whether nothing is to be changed.
    var isDryRun: Bool { query["dry_run"] == "true" }

    /// The body as one of the API's shapes.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        guard JSONBounds.holds(body) else { throw Problem(.badRequest, "the JSON is nested too deeply") }
        do { return try APIJSON.decode(type, from: body) } catch {
            throw Problem(.badRequest, APIJSON.explain(error))
        }
    }

    /// A query item as a value; nil where it is not given. Throws where it is not one.
    func item<Value: TextCodable>(_ name: String, as type: Value.Type) throws -> Value? {
        guard let text = query[name] else { return nil }
        guard let value = Value(apiText: text) else { throw Problem(.badRequest, "\(name) is not \(Value.apiKind)") }
        return value
    }

    /// How many entries of a list are asked for.
    func limit() throws -> Int {
        guard let text = query["limit"] else { return APILimits.pageCountDefault }
        guard let limit = Int(text), (1...APILimits.pageCountMax).contains(limit) else {
            throw Problem(.badRequest, "limit must be from 1 to \(APILimits.pageCountMax)")
        }
        return limit
    }
}

/// What JSON may look like before it is parsed: a parser that recurses must not be given a tower.
enum JSONBounds {
    /// Whether brackets nest at most `APILimits.jsonDepthMax` deep, strings set aside.
    static func holds(_ json: Data) -> Bool {
        json.withUnsafeBytes { holds($0) }
    }

    private static func holds(_ json: UnsafeRawBufferPointer) -> Bool {
        var depth = 0
        var inString = false
        var escaped = false
        for byte in json {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == 0x5C {
                    escaped = true
                } else if byte == 0x22 {
                    inString = false
                }
                continue
            }
            switch byte {
            case 0x22: inString = true
            case 0x7B, 0x5B:
                depth += 1
                if depth > APILimits.jsonDepthMax { return false }
            case 0x7D, 0x5D: depth -= 1
            case _: break
            }
        }
        return true
    }
}

/// What an endpoint answers.
struct HTTPAnswer: Sendable {
    var status: Int
    var contentType: String
    var body: Data
    var retryAfterSeconds: Int?
    /// Where to ask instead: the `Location` of a 307.
    var location: String?

    /// A shape of the API as JSON.
    static func json(_ value: some Encodable, status: Int = 200) throws -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "application/json", body: try APIJSON.encode(value))
    }

    /// 307: the same request is for the bolt at `address`, whose path and query are `target`.
    static func elsewhere(_ detail: String, address: String, target: String) -> HTTPAnswer {
        var answer = problem(Problem(.askElsewhere, detail, status: 307, next: "send the same request to \(address)"))
        answer.location = "https://\(address)\(target)"
        return answer
    }

    /// A problem, with `Retry-After` where it is worth asking again.
    static func problem(_ problem: Problem) -> HTTPAnswer {
        let body = (try? APIJSON.encode(problem)) ?? Data()
        var answer = HTTPAnswer(status: problem.status, contentType: Problem.contentType, body: body)
        if problem.status == 503 || problem.status == 429 { answer.retryAfterSeconds = 2 }
        return answer
    }
}
