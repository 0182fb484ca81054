/// What an envoy does when its policy is older than the policy says it may be.
public enum PolicyExpiry: UInt8, Sendable, CaseIterable {
    /// Goes on enforcing the last policy, whole.
    case enforceLast = 1
    /// Goes on with safe resources only.
    case enforceSafe = 2
    /// Applies nothing.
    case stop = 3
}
