import Synchronization

/// Says on standard error whom a command waits for: once for each bolt that is silent, however often it is asked.
final class WaitNotices: Sendable {
    private let told = Mutex<Set<String>>([])
    private let say: @Sendable (String) -> Void

    init(_ say: @escaping @Sendable (String) -> Void = { Console.note($0) }) { self.say = say }

    /// The line about a bolt that has been silent for a while.
    var onWait: @Sendable (String) -> Void {
        { [self] address in
            guard told.withLock({ $0.insert(address).inserted }) else { return }
            say("waiting for \(address) to answer")
        }
    }
}
