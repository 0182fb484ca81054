internal import BoltAPI
internal import Foundation
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// The TLS port's connections, each with what it turns out to be.
typealias MainChannel = NIOAsyncChannel<EventLoopFuture<AcceptedConnection<HTTPConnection>>, Never>

/// A started bolt: its listeners, its links, its dialing, and the order in which they end.
struct BoltLife: Sendable {
    let configuration: BoltConfiguration
    let node: NodeService
    let genesis: GenesisFile?
    let own: GossipSelf
    let logger: Logger
    let metrics: MetricsRegistry
    let table: ConnectionTable
    let readiness = Readiness()
    let group: MultiThreadedEventLoopGroup
    let main: SharedListener<HTTPConnection>
    let ops: HTTPResponder
    let dialer: PeerDialer

    init(
        _ configuration: BoltConfiguration, start: NodeStart, logger: Logger, metrics: MetricsRegistry,
        table: ConnectionTable
    ) throws {
        (self.configuration, node, genesis, own) = (configuration, start.node, start.genesis, start.own)
        (self.logger, self.metrics, self.table) = (logger, metrics, table)
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(4, System.coreCount)))
        let judge = ChainJudge(verifier: start.verifier)
        let credential = start.identity.credential
        let contexts = try TLSContexts(chain: credential.chain.map(\.der), privateKeyPEM: credential.key.pem())
        let report = RefusalReport(logger: logger) { metrics.add(.connectionsRefused, [$0]) }
        let node = start.node
        let transport = PeerTransport(contexts: contexts, judge: judge, table: table) { node.post(.link($0)) }
        let ownKey = start.own.tlsKey
        dialer = PeerDialer(transport: transport, eventLoop: group.next(), report: report) { key in
            key == ownKey || table.isLinked(key)
        }
        let api = BoltEndpoints(
            configuration: configuration, node: node, identity: start.identity, judge: judge,
            forwarder: PeerForwarder(dialer: TLSDialer(contexts: contexts, judge: judge), group: group, table: table),
            readiness: readiness, logger: logger, metrics: metrics, table: table)
        let readiness = readiness
        func responder(_ listener: Endpoint.Listener) -> HTTPResponder {
            HTTPResponder(
                listener: listener,
                standing: { peer in await node.read { $0.machine.roster.standing(of: peer.tlsKey, as: peer.role) } },
                handle: { try await api.handle($0) }, isDraining: { readiness.isDraining }, logger: logger,
                metrics: metrics)
        }
        let mainResponder = responder(.main)
        ops = responder(.ops)
        main = SharedListener(
            contexts: contexts, judge: judge, table: table, report: report,
            requests: { HTTPConnection.setup($0, peer: $1, responder: mainResponder, logger: logger) },
            link: { try transport.accept($0, $1) })
    }

    /// Serves until it is told to end.
    func run(announce: @escaping @Sendable (String) -> Void) async throws {
        let opsListener = PlainListener(responder: ops, logger: logger)
        let (mainChannel, opsChannel): (MainChannel, NIOAsyncChannel<HTTPConnection, Never>)
        do {
            mainChannel = try await bind(configuration.listenAddress, configuration.listenPort) { host, port in
                try await main.bind(host: host, port: port, group: group)
            }
            opsChannel = try await bind(configuration.opsAddress, configuration.opsPort) { host, port in
                try await opsListener.bind(host: host, port: port, group: group)
            }
        } catch {
            await node.close()
            try? await group.shutdownGracefully()
            throw error
        }
        await node.start(peersChanged: { [self] in redial() })
        try await importGenesis()
        readiness.advance(to: .serving)
        tell(mainChannel.channel, opsChannel.channel, announce)
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await serve(mainChannel) }
            tasks.addTask { await opsListener.serve(opsChannel) }
            tasks.addTask { await carryActs() }
            tasks.addTask { await untilShutdown(mainChannel.channel, opsChannel.channel) }
        }
        try? await group.shutdownGracefully()
    }

    private func bind<Bound>(
        _ host: String, _ port: Int, _ body: (String, Int) async throws -> Bound
    ) async throws -> Bound {
        do { return try await body(host, port) } catch let error as IOError {
            let inUse = error.errnoCode == EADDRINUSE
            throw DaemonError(
                inUse ? .portInUse : .cannotListen, what: "listening on \(host):\(port)",
                why: inUse ? "another process listens there" : "\(error)",
                next: inUse ? "stop that process, or configure another port" : "configure an address of this machine")
        } catch {
            throw DaemonError(
                .cannotListen, what: "listening on \(host):\(port)", why: "\(error)",
                next: "configure an address of this machine")
        }
    }

    private func tell(_ main: any Channel, _ ops: any Channel, _ announce: (String) -> Void) {
        let address = "\(configuration.listenAddress):\(main.localAddress?.port ?? configuration.listenPort)"
        let opsAddress = "\(configuration.opsAddress):\(ops.localAddress?.port ?? configuration.opsPort)"
        logger.info(
            "bolt listens",
            metadata: [
                LogKeys.address: "\(address)", LogKeys.mesh: "\(configuration.meshName)",
                LogKeys.replica: "\(own.replica)", LogKeys.version: "\(BoltVersion.text)",
            ])
        announce(
            "bolt \(configuration.fullName) listens on \(address) (ops \(opsAddress)), mesh \(configuration.meshName) "
                + "\(own.mesh), replica \(own.replica)")
    }

    private func serve(_ listener: MainChannel) async {
        await withDiscardingTaskGroup { tasks in
            do {
                try await listener.executeThenClose { inbound in
                    for try await accepted in inbound {
                        tasks.addTask {
                            guard case .requests(let connection)? = try? await accepted.get() else { return }
                            await connection.serve(logger)
                        }
                    }
                }
            } catch {
                logger.debug("listener ended", metadata: [LogKeys.why: "\(error)"])
            }
        }
    }

    /// Dials whom the roster names, and the seeds. Whoever is linked already is only looked after.
    private func redial() {
        node.executor.queue.async { [self] in
            let known = node.assumeIsolated { node in
                node.bolts.compactMap { bolt in
                    bolt.tlsKey == own.tlsKey
                        ? nil : bolt.address.map { PeerDialer.Target(address: $0, expected: bolt.tlsKey) }
                }
            }
            dialer.setTargets(known + configuration.seeds.map { PeerDialer.Target(address: $0, expected: nil) })
        }
    }
}
