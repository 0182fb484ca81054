import Logging
import NIOCore
import NIOPosix
import Spanner
import SpannerWire

import Synchronization

@testable import Identity
@testable import SpannerTransport

/// Things that happened, in order, and a way to wait for one of them with a deadline.
final class Happenings<Event: Sendable>: Sendable {
    private struct State {
        var events: [Event] = []
        var waiters: [Int: @Sendable (Event) -> Bool] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func add(_ event: Event) {
        let waiters = state.withLock { state in
            state.events.append(event)
            return state.waiters
        }
        // Outside the lock: a waiter may look at what happened so far.
        let done = waiters.filter { $0.value(event) }.map(\.key)
        state.withLock { state in for key in done { state.waiters[key] = nil } }
    }

    var all: [Event] { state.withLock { $0.events } }

    /// The first event that fits, past or to come; nil where none came in time.
    func first(within seconds: Int64 = 10, where fits: @escaping @Sendable (Event) -> Bool) async -> Event? {
        await withCheckedContinuation { continuation in
            let done = Mutex(false)
            let finish: @Sendable (Event?) -> Void = { event in
                let mine = done.withLock { was in
                    defer { was = true }
                    return !was
                }
                if mine { continuation.resume(returning: event) }
            }
            let known = state.withLock { state in
                state.waiters[state.next] = { event in
                    guard fits(event) else { return false }
                    finish(event)
                    return true
                }
                state.next += 1
                return state.events
            }
            if let event = known.first(where: fits) { finish(event) }
            _ = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .seconds(seconds)) { finish(nil) }
        }
    }
}

/// A listening end: real sockets on the loopback address.
final class ListeningEnd: Sendable {
    let table: ConnectionTable
    let refusals = Happenings<String>()
    let links = Happenings<PeerLinkEvent>()
    let requests = Happenings<CertifiedPeer?>()
    let port: Int
    private let channel: NIOAsyncChannel<EventLoopFuture<AcceptedConnection<any Channel>>, Never>
    private let serving: Task<Void, Never>

    init(
        _ presented: Presented, judge: ChainJudge, handshakeTimeout: TimeAmount = .seconds(5), connectionsMax: Int = 64
    ) async throws {
        let contexts = try presented.contexts()
        let (refusals, links, requests) = (refusals, links, requests)
        let table = ConnectionTable(connectionsMax: connectionsMax)
        self.table = table
        let report = RefusalReport(logger: .silent) { refusals.add($0) }
        let transport = PeerTransport(contexts: contexts, judge: judge, table: table) { links.add($0) }
        let listener = SharedListener<any Channel>(
            contexts: contexts, judge: judge, table: table, report: report, handshakeTimeout: handshakeTimeout,
            requests: { channel, peer in
                requests.add(peer)
                return channel.eventLoop.makeSucceededFuture(channel)
            }, link: { try transport.accept($0, $1) })
        let claim = try ClaimedPort(host: "127.0.0.1", port: 0)
        let bound = try await listener.serve(claim, group: MultiThreadedEventLoopGroup.singleton)
        channel = bound
        port = claim.port
        serving = Task {
            try? await bound.executeThenClose { inbound in
                for try await accepted in inbound { _ = try? await accepted.get() }
            }
        }
    }

    deinit {
        channel.channel.close(promise: nil)
        table.closeAll()
        serving.cancel()
    }
}

/// A dialing end.
final class DialingEnd: Sendable {
    let table = ConnectionTable()
    let links = Happenings<PeerLinkEvent>()
    private let contexts: TLSContexts
    private let judge: ChainJudge
    private let transport: PeerTransport

    init(_ presented: Presented, judge: ChainJudge) throws {
        contexts = try presented.contexts()
        self.judge = judge
        let links = links
        transport = PeerTransport(contexts: contexts, judge: judge, table: table) { links.add($0) }
    }

    deinit { table.closeAll() }

    /// Dials a peer link; the refusal's code where this end refuses, nil where it goes on.
    func link(to port: Int) async -> String? {
        do {
            _ = try await transport.dial(
                host: "127.0.0.1", port: port, on: MultiThreadedEventLoopGroup.singleton.next()
            ).get()
            return nil
        } catch { return (error as? ConnectionRefusal)?.code ?? "\(error)" }
    }

    /// Dials for requests.
    func requests(to port: Int) async throws -> any Channel {
        try await TLSDialer(contexts: contexts, judge: judge).dial(
            host: "127.0.0.1", port: port, peerLink: false, on: MultiThreadedEventLoopGroup.singleton.next()
        ) { _, _ in }.get().channel
    }

    /// The link that stands, once it does.
    func standing() async -> PeerLink? {
        guard case .up(let link)? = await links.first(where: { if case .up = $0 { true } else { false } }) else {
            return nil
        }
        return link
    }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension PeerLinkEvent {
    var isDown: Bool { if case .down = self { true } else { false } }
    var isUndecodable: Bool { if case .undecodable = self { true } else { false } }
    var message: PeerMessage? { if case .message(_, let message, _) = self { message } else { nil } }
}
