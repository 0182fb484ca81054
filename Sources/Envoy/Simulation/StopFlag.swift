internal import Synchronization

/// A word from outside that no more is to be begun. Raised once, never lowered.
public final class StopFlag: Sendable {
    private let raised = Mutex(false)

    /// A flag that is not raised.
    public init() {}

    /// Whether it was raised.
    public var isRaised: Bool { raised.withLock { $0 } }

    /// Raises it.
    public func raise() { raised.withLock { $0 = true } }
}
