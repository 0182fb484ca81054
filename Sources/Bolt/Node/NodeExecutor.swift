internal import Dispatch

/// Runs one actor on a serial queue of its own, so that a flush to disk blocks no thread that others wait for.
public final class NodeExecutor: SerialExecutor {
    /// The queue.
    let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label, qos: .userInitiated) }

    /// Runs a job behind those that wait.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// For `assumeIsolated`: on the queue is in the actor.
    public func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
