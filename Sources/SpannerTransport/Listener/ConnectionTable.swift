public import NIOCore
public import Spanner
import Synchronization

/// Every connection that lives, with who is at its other end: for limits, for draining, and for cutting off at once
/// whoever is banned or removed.
public final class ConnectionTable: Sendable {
    /// What a connection is used for.
    public enum Use: String, Sendable, CaseIterable {
        /// Its TLS handshake has not ended.
        case handshake
        /// Requests.
        case http
        /// A peer link that the other side dialed.
        case accepted
        /// A peer link that this side dialed.
        case dialed
        /// Requests that this bolt forwards.
        case forwarding
    }

    struct Entry: Sendable {
        var channel: any Channel
        var use: Use
        var address: String
        var peer: CertifiedPeer?
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var anonymous: [String: Int] = [:]
        var identified: [KeyFingerprint: Int] = [:]
        var linked: [KeyFingerprint: Int] = [:]
        var draining = false
    }

    private let state = Mutex(State())
    private let connectionsMax: Int

    /// An empty table for at most that many accepted connections.
    public init(connectionsMax: Int = TransportLimits.connectionsMax) { self.connectionsMax = connectionsMax }

    /// How many live.
    public var count: Int { state.withLock { $0.entries.count } }

    /// How many of them are of verified peers of a role.
    public func count(of role: PrincipalRole) -> Int {
        state.withLock { state in state.entries.values.count { $0.peer?.role == role } }
    }

    /// How many live, by use; every use is there.
    public var counts: [Use: Int] {
        state.withLock { state in
            var counts = Dictionary(uniqueKeysWithValues: Use.allCases.map { ($0, 0) })
            for entry in state.entries.values { counts[entry.use, default: 0] += 1 }
            return counts
        }
    }

    /// Whether a peer link with the bolt of this key stands, whoever dialed.
    public func isLinked(_ key: KeyFingerprint) -> Bool {
        state.withLock { $0.linked[key] != nil }
    }

    /// Takes in a connection whose peer is not known yet; nil where it may stay, else why not.
    func accept(_ channel: any Channel) -> ConnectionRefusal? {
        let address = channel.remoteAddress?.ipAddress ?? "local"
        let rejection: ConnectionRefusal? = state.withLock { state in
            if state.draining { return .draining }
            guard state.entries.count < connectionsMax,
                state.anonymous[address, default: 0] < TransportLimits.anonymousPerAddressMax
            else { return .tooManyConnections }
            state.anonymous[address, default: 0] += 1
            state.entries[ObjectIdentifier(channel)] = Entry(
                channel: channel, use: .handshake, address: address, peer: nil)
            return nil
        }
        if rejection == nil { forgetOnClose(channel) }
        return rejection
    }

    /// Notes who a connection's peer is and what it is used for; nil where it may stay, else why not.
    func identify(_ channel: any Channel, as peer: CertifiedPeer?, use: Use) -> ConnectionRefusal? {
        let key = ObjectIdentifier(channel)
        return state.withLock { state in
            if state.draining { return .draining }
            guard var entry = state.entries[key] else { return .handshakeAborted }
            entry.use = use
            defer { state.entries[key] = entry }
            guard let peer, entry.peer == nil else { return nil }
            let limit = peer.role == .bolt ? TransportLimits.perBoltMax : TransportLimits.perIdentityMax
            guard state.identified[peer.tlsKey, default: 0] < limit else { return .tooManyConnections }
            state.identified[peer.tlsKey, default: 0] += 1
            ConnectionTable.release(&state.anonymous, entry.address)
            entry.peer = peer
            if use == .accepted { state.linked[peer.tlsKey, default: 0] += 1 }
            return nil
        }
    }

    /// Takes in a connection that this side dialed; nil where it may stay, else why not.
    public func add(_ channel: any Channel, to peer: CertifiedPeer, use: Use) -> ConnectionRefusal? {
        let rejection: ConnectionRefusal? = state.withLock { state in
            if state.draining { return .draining }
            state.identified[peer.tlsKey, default: 0] += 1
            if use == .dialed { state.linked[peer.tlsKey, default: 0] += 1 }
            state.entries[ObjectIdentifier(channel)] = Entry(channel: channel, use: use, address: "", peer: peer)
            return nil
        }
        if rejection == nil { forgetOnClose(channel) }
        return rejection
    }

    /// Closes each connection whose peer is not (or no longer) to be talked to. Returns how many.
    @discardableResult
    public func cut(where unwanted: (CertifiedPeer) -> Bool) -> Int {
        let channels = state.withLock { state in
            state.entries.values.compactMap { entry in
                entry.peer.flatMap { unwanted($0) ? entry.channel : nil }
            }
        }
        for channel in channels { channel.close(promise: nil) }
        return channels.count
    }

    /// From now on nothing new is taken in; what is idle closes, what works ends its request first.
    public func quiesce() {
        let channels = state.withLock { state in
            state.draining = true
            return state.entries.values.map { $0.channel }
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }

    /// Closes whatever is left.
    public func closeAll() {
        for channel in state.withLock({ state in state.entries.values.map { $0.channel } }) {
            channel.close(promise: nil)
        }
    }

    private func forgetOnClose(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { state in
                guard let entry = state.entries.removeValue(forKey: key) else { return }
                if let peer = entry.peer {
                    ConnectionTable.release(&state.identified, peer.tlsKey)
                    if entry.use == .accepted || entry.use == .dialed {
                        ConnectionTable.release(&state.linked, peer.tlsKey)
                    }
                } else {
                    ConnectionTable.release(&state.anonymous, entry.address)
                }
            }
        }
    }

    private static func release<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
