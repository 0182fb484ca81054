public import Spanner

/// Where leases come from. Nothing that it answers is believed but as a hint when to try.
public protocol LeaseEngine: Sendable {
    /// Its name in the topology: `manual` or `etcd`.
    var name: String { get }
    /// Whether it ever grants anything: otherwise operators promote, and nothing is asked.
    var isAutomatic: Bool { get }
    /// What people should know about it, for status; nil: nothing. Waits for nothing outside.
    func warning() async -> String?
    /// Asks it. Ends within `within`, whatever the network does; one call at a time.
    func perform(_ request: LeaseRequest, within: Duration) async throws(LeaseFailure) -> LeaseAnswer
    /// Ends its connections. It may be used again.
    func close() async
}

/// No engine: operators promote. The default; needs nothing else to run.
public struct ManualLease: LeaseEngine {
    /// An engine that grants nothing.
    public init() {}
    /// `manual`.
    public var name: String { "manual" }
    /// Never.
    public var isAutomatic: Bool { false }
    /// Nothing.
    public func warning() -> String? { nil }
    /// Refuses everything.
    public func perform(_ request: LeaseRequest, within: Duration) throws(LeaseFailure) -> LeaseAnswer {
        throw .refused("the lease of this partition is manual: an operator promotes")
    }
    /// Nothing.
    public func close() {}
}
