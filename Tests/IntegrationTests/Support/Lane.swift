import Dispatch
import Testing

/// A thread for the tests of one suite, which take it one after the other.
///
/// They block it: what they wait for are other processes. On the threads that all tasks share, of which there is one
/// for each processor, two suites would keep a third from running on a machine with two processors, waits and all.
struct Lane: SuiteTrait, TestScoping {
    private final class Queue: TaskExecutor {
        private let queue = DispatchQueue(label: "bolt.tests.lane")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        // Tests are child tasks of their suite, which keep to what it prefers.
        try await withTaskExecutorPreference(Queue()) { try await function() }
    }
}

extension Trait where Self == Lane {
    /// A thread of its own for a serialized suite whose tests block.
    static var lane: Self { Self() }
}
