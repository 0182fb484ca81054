public import Spanner

/// What `stack.yaml` says beside the name.
public struct StackSettings: Hashable, Sendable {
    /// What an envoy does with a policy that is too old.
    public var expiry: PolicyExpiry
    /// How old a policy may become, in seconds; nil: it never expires.
    public var maxAgeSeconds: UInt64?
    /// How a new version reaches the machines.
    public var rollout: RolloutPolicy

    /// What each machine is told of how old its policy may become.
    public var terms: PolicyTerms { PolicyTerms(maxAgeSeconds: maxAgeSeconds, expiry: expiry) }

    /// Settings; the defaults are those of a stack that says nothing.
    public init(
        expiry: PolicyExpiry = .enforceLast, maxAgeSeconds: UInt64? = nil, rollout: RolloutPolicy = RolloutPolicy()
    ) {
        (self.expiry, self.maxAgeSeconds, self.rollout) = (expiry, maxAgeSeconds, rollout)
    }
}
