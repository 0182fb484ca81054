internal import Synchronization

/// Whichever answer comes first; those that come later are dropped.
final class FirstAnswer<Value: Sendable>: Sendable {
    private let waiting: Mutex<CheckedContinuation<Value, Never>?>

    private init(_ continuation: CheckedContinuation<Value, Never>) { waiting = Mutex(continuation) }

    private func give(_ value: Value) {
        let continuation = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        continuation?.resume(returning: value)
    }

    /// What `work` gives, or `late` where that takes longer than `limit`: the work goes on to its end all the same.
    static func within(
        _ limit: Duration, else late: Value, _ work: @escaping @Sendable () async -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let first = FirstAnswer(continuation)
            Task { first.give(await work()) }
            Task {
                try? await Task.sleep(for: limit)
                first.give(late)
            }
        }
    }
}
