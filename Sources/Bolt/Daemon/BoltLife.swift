internal import BoltAPI
internal import CRDT
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
    let partition: PartitionService
    let lease: LeaseRunner
    let api: BoltEndpoints
    let genesis: GenesisFile?
    let own: GossipSelf
    let ports: BoltPorts
    let logger: Logger
    let metrics: MetricsRegistry
    let table: ConnectionTable
    let readiness = Readiness()
    let group: MultiThreadedEventLoopGroup
    let main: SharedListener<HTTPConnection>
    let ops: HTTPResponder
    let dialer: PeerDialer

    init(
        _ configuration: BoltConfiguration, start: NodeStart, ports: BoltPorts, logger: Logger,
        metrics: MetricsRegistry, table: ConnectionTable
    ) throws {
        (self.configuration, node, genesis, own) = (configuration, start.node, start.genesis, start.own)
        partition = start.partition
        (self.logger, self.metrics, self.table, self.ports) = (logger, metrics, table, ports)
        let judge = ChainJudge(verifier: start.verifier)
        let credential = start.identity.credential
        let contexts = try TLSContexts(chain: credential.chain.map(\.der), privateKeyPEM: credential.key.pem())
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(4, System.coreCount)))
        let report = RefusalReport(logger: logger) { metrics.add(.connectionsRefused, [$0]) }
        let node = start.node
        lease = try LeaseRunner(configuration.lease, partition: start.partition, logger: logger) { trouble in
            node.post(.leaseTrouble(trouble))
        }
        let transport = PeerTransport(contexts: contexts, judge: judge, table: table) { node.post(.link($0)) }
        let ownKey = start.own.tlsKey
        dialer = PeerDialer(transport: transport, eventLoop: group.next(), report: report) { key in
            key == ownKey || table.isLinked(key)
        }
        let grounds = EnvoyGroundsCache(node: node, partition: configuration.partition)
        let policy = PolicyService(
            start.partition, context: start.slices,
            surroundings: PolicySurroundings(
                fleet: { from, limit in await node.read { $0.fleet(from: from, limit: limit) } },
                fleetChanges: {
                    // Both only grow: so does their sum, with either.
                    await node.read { node in
                        node.machine.roster.vector.entries.reduce(node.board?.change ?? 0) { $0 &+ $1.counter }
                    }
                }, bolt: configuration.fullName),
            logger: logger, metrics: metrics)
        let api = BoltEndpoints(
            configuration: configuration, given: start.topology, board: start.board, custody: start.custody,
            node: node, grounds: grounds, partition: start.partition, policy: policy, source: start.source,
            webhook: start.webhook, cover: start.cover,
            identity: start.identity, judge: judge,
            forwarder: PeerForwarder(dialer: TLSDialer(contexts: contexts, judge: judge), group: group, table: table),
            readiness: readiness, logger: logger, metrics: metrics, table: table)
        self.api = api
        let readiness = readiness
        func responder(_ listener: Endpoint.Listener) -> HTTPResponder {
            HTTPResponder(
                listener: listener,
                standing: { peer in
                    if peer.role == .envoy { return await grounds.grounds(of: peer).standing }
                    return await node.read { $0.machine.roster.standing(of: peer.tlsKey, as: peer.role) }
                },
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
            let isDrained = await node.read { $0.isKeptDrained }
            await partition.drain(isDrained)
            await partition.bind(
                tell: { [node] in node.post(.news($0)) },
                placing: { [node] envoys in await node.read { $0.places(of: envoys) } })
            await partition.read { [node] in $0.foundFull = { node.post(.diskFull(isReserveSpent: $0)) } }
            await partition.start { [node, lease] standing in
                node.post(.standing(standing))
                lease.take(standing)
            }
            await node.start(peersChanged: { [self] in redial() })
            try await importGenesis()
            (mainChannel, opsChannel) = try await listen(opsListener)
        } catch {
            // The process ends with this error. Loops are left as they are: connections on their way have timers there.
            dialer.stop()
            table.closeAll()
            await partition.close()
            await node.close()
            throw error
        }
        readiness.advance(to: .serving)
        tell(announce)
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await serve(mainChannel) }
            tasks.addTask { await lease.run() }
            tasks.addTask { [api] in await api.custody?.run { await api.deliver($0) } }
            tasks.addTask { [api] in await api.policy.run() }
            tasks.addTask { [api] in
                await api.source.run(
                    isActive: { await api.policy.read { $0.reign?.fleet != nil } },
                    inForce: { await api.policy.read { $0.reign?.version?.revision } },
                    take: { await api.policy.offer($0, by: api.configuration.policy.kind) })
            }
            tasks.addTask { [api] in await api.cover?.run(api.coverWays) }
            tasks.addTask { await opsListener.serve(opsChannel) }
            tasks.addTask {
                await carryActs()
                await announcePlace()
            }
            tasks.addTask { await untilShutdown(mainChannel.channel, opsChannel.channel) }
        }
        try? await group.shutdownGracefully()
    }

    /// Serves both ports that were claimed, or neither.
    private func listen(
        _ opsListener: PlainListener
    ) async throws -> (MainChannel, NIOAsyncChannel<HTTPConnection, Never>) {
        let made = "the state directory \(configuration.stateDirectory) stands"
        let mainChannel: MainChannel
        do { mainChannel = try await main.serve(ports.main, group: group) } catch {
            throw BoltPorts.failure(error, setting: "listen", ports.main.host, ports.main.port, made: made)
        }
        do { return (mainChannel, try await opsListener.bind(ports.ops, group: group)) } catch {
            try? await mainChannel.executeThenClose { _ in }
            throw BoltPorts.failure(error, setting: "ops", ports.ops.host, ports.ops.port, made: made)
        }
    }

    private func tell(_ announce: (String) -> Void) {
        let address = "\(configuration.listenAddress):\(ports.main.port)"
        let opsAddress = "\(configuration.opsAddress):\(ports.ops.port)"
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
