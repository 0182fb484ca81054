public import BoltAPI

/// The agent's way to the bolts, one request at a time. The program's is mutual TLS through `BoltClient`.
public protocol EnvoyPort: Sendable {
    /// Reports to the bolt at `address` (`host:port`). A repeated report is harmless.
    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse
}

/// Why a request brought nothing, as far as it matters for what to do next.
public enum EnvoyPortFailure: Error, Hashable, Sendable {
    /// Not reached, no answer in time, or an answer that says "later": another bolt may do.
    case unavailable(reason: String, retryAfter: Duration?)
    /// The mesh refuses this envoy: removed, banned, unknown or with an expired certificate.
    case refused(reason: String)
    /// The bolt did not understand the request: a fault of one side's version.
    case rejected(reason: String)

    /// The reason, for people.
    public var reason: String {
        switch self {
        case .unavailable(let reason, _), .refused(let reason), .rejected(let reason): reason
        }
    }
}
