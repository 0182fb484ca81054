internal import BoltAPI
internal import NIOCore
internal import Synchronization

/// Connections to other bolts, a bounded number to each: who finds none free waits its turn.
///
/// When a partition's primary changes, all that envoys have on their way goes to the new one at once. A connection for
/// each would be a storm of handshakes, of which the other bolt refuses most, and its operators' with them.
final class ForwardingPool: Sendable {
    /// Connections to one bolt; with as many from there it stays below `TransportLimits.perBoltMax`.
    static let connectionsMax = 24

    /// What somebody may do who asked for a connection.
    enum Turn: Sendable {
        /// Use this one, which worked before.
        case use(any Channel)
        /// Make one.
        case connect
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Turn, any Error>
    }

    private struct Bolt {
        var idle: [any Channel] = []
        /// Connections that there are or that are being made.
        var open = 0
        var waiting: [Waiter] = []
    }

    private struct State {
        var bolts: [String: Bolt] = [:]
        var nextWaiter: UInt64 = 1
    }

    private let state = Mutex(State())

    /// A turn at the bolt at `address`: at once where one is free, else behind those who wait. Has to be given back.
    /// Throws `Problem` where none comes within `timeout`.
    func turn(at address: String, within timeout: TimeAmount, on eventLoop: any EventLoop) async throws -> Turn {
        if let turn = state.withLock({ ForwardingPool.free(&$0.bolts[address, default: Bolt()]) }) { return turn }
        let id = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        var deadline: Scheduled<Void>?
        defer { deadline?.cancel() }
        return try await withCheckedThrowingContinuation { continuation in
            let turn: Turn? = state.withLock { state in
                // One may have come free since.
                if let turn = ForwardingPool.free(&state.bolts[address, default: Bolt()]) { return turn }
                state.bolts[address]?.waiting.append(Waiter(id: id, continuation: continuation))
                return nil
            }
            if let turn { return continuation.resume(returning: turn) }
            // Not before the waiter is there: a time that is over by then would find nobody, and nobody would end it.
            deadline = eventLoop.scheduleTask(in: timeout) { [self] in giveUp(id, at: address) }
        }
    }

    private static func free(_ bolt: inout Bolt) -> Turn? {
        while let channel = bolt.idle.popLast() {
            if channel.isActive { return .use(channel) }
            bolt.open -= 1
        }
        guard bolt.open < ForwardingPool.connectionsMax else { return nil }
        bolt.open += 1
        return .connect
    }

    /// Gives a turn back: with the connection where that is good for another request, else without.
    func give(back channel: (any Channel)?, at address: String) {
        let next: (Waiter, Turn)? = state.withLock { state in
            guard var bolt = state.bolts[address] else { return nil }
            defer { state.bolts[address] = bolt.open > 0 || !bolt.waiting.isEmpty ? bolt : nil }
            let waiter = bolt.waiting.isEmpty ? nil : bolt.waiting.removeFirst()
            if let channel, channel.isActive {
                if let waiter { return (waiter, .use(channel)) }
                bolt.idle.append(channel)
                return nil
            }
            if let waiter { return (waiter, .connect) }
            bolt.open -= 1
            return nil
        }
        if let (waiter, turn) = next { waiter.continuation.resume(returning: turn) }
    }

    private func giveUp(_ id: UInt64, at address: String) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.bolts[address]?.waiting.firstIndex(where: { $0.id == id }) else { return nil }
            return state.bolts[address]?.waiting.remove(at: index)
        }
        waiter?.continuation.resume(
            throwing: Problem(.ownerUnreachable, "the bolt at \(address) has too much to do to be asked"))
    }
}
