internal import Logging
internal import Spanner
internal import SpannerStore

/// On a full disk the agent goes on with what it has: its policy is put in force, and may be what makes room; reports
/// are tried again; what there is to tell waits in memory.
extension EnvoyAgent {
    /// Puts a record of the agent's own into the queue. Durable when it returns, but on a full disk: there it is held
    /// in memory until there is room.
    func put(_ body: [UInt8]) throws(StoreError) {
        unkept.append(body)
        try keepUnkept()
    }

    /// Puts what there was no room for into the queue, in order, once there is.
    func keepUnkept() throws(StoreError) {
        guard !unkept.isEmpty else { return }
        let marker = unkeptDropped > 0 ? [OverflowMarker.body(dropped: unkeptDropped)] : []
        let admissions: [QueueAdmission]
        do throws(StoreError) {
            admissions = try queue.append(marker + unkept, at: .now())
        } catch {
            guard error.code == .full else { throw error }
            let excess = max(0, unkept.count - EnvoyLimits.unkeptMax)
            unkept.removeFirst(excess)
            unkeptDropped += UInt64(excess)
            logger.error(
                "the disk is full: records wait in memory",
                metadata: ["records": "\(unkept.count)", "dropped": "\(unkeptDropped)", "reason": "\(error)"])
            return
        }
        (unkept, unkeptDropped) = ([], 0)
        if case .dropped(let soFar)? = admissions.last {
            logger.error("the queue is full: a record was dropped", metadata: ["dropped": "\(soFar)"])
        }
        try tellHeld()
    }

    /// A report; one whose answer cannot be kept is a failed one, and nothing of it was obeyed that has to outlive the
    /// process.
    func reportUnlessFull(
        _ id: QueueID, after: UInt64, to address: String
    ) async throws(StoreError) -> EnvoyMachine.Event {
        do throws(StoreError) {
            return try await report(id, after: after, to: address)
        } catch {
            guard error.code == .full else { throw error }
            return failed(
                EnvoyPortFailure(.unavailable, code: error.code.rawValue, reason: "\(error)", next: error.next),
                at: address)
        }
    }

    /// Does what is done again by itself where the disk is full now.
    func unlessFull(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        do throws(StoreError) {
            try body()
        } catch {
            guard error.code == .full else { throw error }
            logger.error("the disk is full", metadata: ["reason": "\(error)"])
        }
    }
}
