public import BoltAPI

/// The agent's way to the bolts, one request at a time. The program's is mutual TLS through `BoltClient`.
public protocol EnvoyPort: Sendable {
    /// Reports to the bolt at `address` (`host:port`). A repeated report is harmless.
    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse
}
