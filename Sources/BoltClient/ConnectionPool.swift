import NIOCore
import Synchronization

/// Idle connections by address, and the address that answered last.
final class ConnectionPool: Sendable {
    private struct State {
        var idle: [HostPort: [BoltConnection]] = [:]
        var preferred: HostPort?
    }
    private let state = Mutex(State())

    /// The addresses in the order to try them: the one that answered last, then as given.
    func order(_ addresses: [HostPort]) -> [HostPort] {
        guard let preferred = state.withLock({ $0.preferred }), addresses.contains(preferred) else { return addresses }
        return [preferred] + addresses.filter { $0 != preferred }
    }

    /// Remembers who answered.
    func prefer(_ address: HostPort) { state.withLock { $0.preferred = address } }

    /// A connection that still stands, for the caller alone.
    func take(_ address: HostPort) -> BoltConnection? {
        state.withLock { state in
            while let connection = state.idle[address]?.popLast() {
                if connection.channel.isActive { return connection }
            }
            return nil
        }
    }

    /// Gives a connection back; one too many is closed.
    func put(_ connection: BoltConnection, limit: Int) {
        let kept = state.withLock { state in
            guard state.idle[connection.address, default: []].count < limit else { return false }
            state.idle[connection.address, default: []].append(connection)
            return true
        }
        if !kept { connection.close() }
    }

    /// Ends them all.
    func drain() {
        let all = state.withLock { state in
            defer { state.idle = [:] }
            return state.idle.values.flatMap { $0 }
        }
        for connection in all { connection.close() }
    }
}
