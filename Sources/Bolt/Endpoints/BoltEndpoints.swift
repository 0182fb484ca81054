internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import NIOCore
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import Synchronization

/// What every endpoint does. Who may call it was judged before.
struct BoltEndpoints: Sendable {
    let configuration: BoltConfiguration
    /// The topology that this bolt was given in a file; nil where there is none.
    let given: Topology?
    /// Who owns what.
    let board: OwnershipBoard
    /// Keeps check-ins for partitions that are away; nil where its store could not be opened.
    let custody: CustodyService?
    /// Whose groups take machines: the topology in force, before the first that of this bolt's file.
    var topology: Topology? { board.version?.topology ?? given }
    let node: NodeService
    let grounds: EnvoyGroundsCache
    let traits = TraitsMemory()
    /// Applies of topologies, one at a time: what was judged is still so when it is carried out.
    let applying = AsyncGate(busy: .tooManyRequests)
    /// Operators' requests that read whole stacks.
    let judging = StackGates(cores: System.coreCount)
    /// Partitions that no link leads to.
    let silence = SilentPartitions()
    let partition: PartitionService
    /// The partition's policy.
    let policy: PolicyService
    /// Where the partition's stacks come from by themselves.
    let source: PolicySourceService
    /// Judges what git forges tell; nil where there is no webhook.
    let webhook: PolicyWebhook?
    /// Keeps other partitions' policy for their envoys; nil where its store could not be opened.
    let cover: PolicyCovering?
    let identity: BoltIdentity
    let judge: ChainJudge
    let forwarder: PeerForwarder
    let readiness: Readiness
    let logger: Logger
    let metrics: MetricsRegistry
    let table: ConnectionTable
    let started = WallClock.now()

    /// Answers one request.
    func handle(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        switch request.endpoint {
        case .health, .healthHead, .opsHealth, .opsHealthHead: return try await health(request)
        case .live: return text("ok\n")
        case .ready: return await ready()
        case .metrics: return await metricsText()
        case .openAPI: return HTTPAnswer(status: 200, contentType: "application/json", body: try OpenAPIDocument.json())
        case .enroll, .rekey, .peerEnroll, .checkIn, .peerCheckIn: return try await envoyRequest(request)
        case .status, .bolts, .bolt, .partitions, .envoys, .envoy, .envoyExplain, .roster, .rosterLog, .rosterDigest,
            .rosterConflicts, .rosterContext, .rosterReceipt, .tokens:
            return try await read(request)
        case .envoyResults: return try await envoyResults(request)
        case .createToken, .postAct, .removeEnvoy: return try await change(request)
        case .partition, .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .switchover,
            .promote, .removeMember, .stepDown, .dismissSalvage, .auditNote:
            return try await partitionRequest(request)
        case .peerOperator: return try await operatorRequest(request)
        case .sealStatus, .initSeal, .unseal, .seal: return try await sealRequest(request)
        case .secrets, .putSecret, .removeSecret: return try await secretRequest(request)
        case .topology, .topologyHistory, .topologyVersion, .planTopology, .applyTopology, .slices, .slice,
            .sliceDigest,
            .takeoverPreview, .takeOver, .tasks, .task, .taskMoves, .changeTask, .drainBolt, .undrainBolt,
            .reassignEnvoy:
            return try await sliceRequest(request)
        case .policyBody, .policyWait, .peerPolicy, .peerPolicyBody, .peerPolicyWake, .policyWebhook, .stackStatus,
            .stackHistory, .stackDiff, .validateStack, .stackPreview, .push, .publishStack, .rollbackStack,
            .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout, .abortRollout, .pushEnvoys, .abortPush:
            return try await policyRequest(request)
        }
    }

    func text(_ text: String, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "text/plain; charset=utf-8", body: Data(text.utf8))
    }

    // MARK: Health

    /// Whether this bolt serves, as the health codes have it: by its place in the mesh, then by its part in its
    /// partition.
    func state() async -> (HealthResponse.State, [String]) {
        switch readiness.phase {
        case .starting: return (.starting, ["reading its state"])
        case .draining: return (.draining, ["shutting down"])
        case .serving: break
        }
        let (standing, sealed) = (partition.board.withLock { $0.standing }, partition.sealing.reasons)
        return await node.read { node in
            if let expelled = node.expulsionText { return (.removed, [expelled]) }
            guard case .active = node.machine.roster.standing(of: node.machine.own.tlsKey, as: .bolt) else {
                return (.notInitialised, ["the roster does not admit this bolt yet"])
            }
            guard node.machine.isAuthoringOpen else { return (.starting, ["waiting for a first exchange with a peer"]) }
            guard sealed.isEmpty else { return (.sealed, sealed) }
            let primary = node.standings.values.first { $0.standing.disk == standing.primary }?.standing
            if standing.isDrained, !standing.reigns { return (.maintenance, [BoltEndpoints.drainedText]) }
            let (state, reasons) = PartitionHealth.state(of: standing, by: primary)
            return (state, (node.storeFull ? [node.fullDisk] : []) + reasons)
        }
    }

    private func health(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let (state, reasons) = await state()
        let answer = HealthResponse(
            state: state, bolt: configuration.fullName, version: BoltVersion.text, reasons: reasons)
        return try .json(answer, status: HealthCodes.status(of: state, query: request.query))
    }

    private func ready() async -> HTTPAnswer {
        let (state, reasons) = await state()
        return PartitionHealth.isReady(state)
            ? text("ready\n") : text(reasons.joined(separator: "\n") + "\n", status: 503)
    }
}

/// The health codes with their remapping by query, as in Vault.
enum HealthCodes {
    /// The status for a state: `?standbyok=true` makes a standby active, `?<state>code=NNN` maps one state's code.
    static func status(of state: HealthResponse.State, query: [String: String]) -> Int {
        let name: String =
            switch state {
            case .active: "active"
            case .standby: "standby"
            case .behind: "behind"
            case .orphaned: "orphaned"
            case .maintenance: "maintenance"
            case .sealed: "sealed"
            case .notInitialised, .waiting: "uninit"
            case .starting: "starting"
            case .draining: "draining"
            case .removed: "removed"
            case .fenced: "fenced"
            }
        if let text = query[name + "code"], let code = Int(text), (200...599).contains(code) { return code }
        if state == .standby, query["standbyok"] == "true" { return 200 }
        return state.httpStatus
    }
}
