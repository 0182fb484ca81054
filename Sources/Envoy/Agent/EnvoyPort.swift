public import BoltAPI
public import Spanner

/// The agent's way to the bolts, one request at a time. The program's is mutual TLS through `BoltClient`.
public protocol EnvoyPort: Sendable {
    /// Reports to the bolt at `address` (`host:port`). A repeated report is harmless.
    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse
    /// The partition of the bolt that answered there last, as its certificate says; nil where that is not known.
    func partition(at address: String) -> PartitionName?
}

extension EnvoyPort {
    /// Not known.
    public func partition(at address: String) -> PartitionName? { nil }
}
