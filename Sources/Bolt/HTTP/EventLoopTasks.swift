internal import NIOCore

/// Runs tasks on the event loop of their connection, so that a request that is soon dealt with changes threads as
/// rarely as it can: with few processors that is what a small request costs most.
///
/// What takes long goes elsewhere: see `elsewhere(_:_:)`.
final class EventLoopTasks: TaskExecutor {
    private let eventLoop: any EventLoop

    /// The executor of one connection.
    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Runs a job behind those that wait on the loop.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Bytes of a body from which on dealing with it takes too long for a loop that others wait for.
    static let bodyBytesMax = 64 * 1024

    /// Runs what may take long where it holds up nobody.
    static func elsewhere<Value: Sendable>(
        _ isLong: Bool, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        guard isLong else { return try await body() }
        return try await withTaskExecutorPreference(globalConcurrentExecutor, operation: body)
    }
}
