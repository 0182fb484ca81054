public import BoltAPI
public import CRDT
public import Spanner

/// The agent's way to the bolts, one request at a time. The program's is mutual TLS through `BoltClient`.
public protocol EnvoyPort: Sendable {
    /// Reports to the bolt at `address` (`host:port`). A repeated report is harmless.
    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse
    /// The partition of the bolt that answered there last, as its certificate says; nil where that is not known.
    func partition(at address: String) -> PartitionName?
    /// The bytes of a policy's body that the envoy was granted, as the bolt at `address` has them; not verified.
    func policyBody(_ digest: Bytes32, at address: String) async throws(EnvoyPortFailure) -> [UInt8]
    /// Waits until the envoy is to have another leaf than `held`, or an order after the `order`th is there; at most
    /// `APILimits.policyWaitSecondsMax`. Whether there is something new.
    func policyWait(
        held: Bytes32?, order: UInt64, at address: String
    ) async throws(EnvoyPortFailure) -> Bool
}

extension EnvoyPort {
    /// Not known.
    public func partition(at address: String) -> PartitionName? { nil }

    /// There is none.
    public func policyBody(_ digest: Bytes32, at address: String) async throws(EnvoyPortFailure) -> [UInt8] {
        throw EnvoyPortFailure(
            .rejected, code: "not_found", reason: "\(address) has no policies", next: "ask another bolt")
    }

    /// There is nothing to wait for.
    public func policyWait(
        held: Bytes32?, order: UInt64, at address: String
    ) async throws(EnvoyPortFailure) -> Bool {
        throw EnvoyPortFailure(
            .rejected, code: "not_found", reason: "\(address) has no policies", next: "ask at intervals")
    }
}
