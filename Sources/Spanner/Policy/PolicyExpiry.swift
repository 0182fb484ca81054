/// What an envoy does with a policy that is older than it may be.
public enum PolicyExpiry: UInt8, Sendable, CaseIterable {
    /// Goes on with the last one, whatever its age.
    case enforceLast = 1
    /// Goes on with what is safe of the last one: it begins nothing disruptive.
    case enforceSafe = 2
    /// Changes nothing more until it hears of its owner.
    case stop = 3
}
