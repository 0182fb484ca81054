/// Every endpoint of a bolt, on either listener. What is not here is answered 404 before any body is read.
///
/// The daemon's router is made from this list and the authorisation matrix test walks it, so that no endpoint can exist
/// without a rule.
public enum Endpoint: String, Sendable, CaseIterable {
    // Envoys.
    case enroll, rekey, checkIn, policyBody, policyWait
    // Peers.
    case peerCheckIn, peerEnroll, peerOperator, peerPolicy, peerPolicyBody, peerPolicyWake
    // Anyone.
    case health, healthHead, openAPI
    // A git forge.
    case policyWebhook
    // Operators read.
    case status, bolts, bolt, partitions, envoys, envoy, envoyExplain, envoyResults
    case roster, rosterLog, rosterDigest, rosterConflicts, rosterContext, rosterReceipt, tokens
    case partition, partitionHistory, partitionSalvage, partitionAudit, partitionOperation
    case sealStatus, secrets
    case topology, topologyHistory, topologyVersion, planTopology
    case slices, slice, sliceDigest, takeoverPreview, tasks, task, taskMoves
    case stackStatus, stackHistory, stackDiff, validateStack, stackPreview, push
    // Operators change.
    case createToken, postAct, removeEnvoy
    case switchover, promote, removeMember, stepDown, dismissSalvage, auditNote
    case initSeal, unseal, seal, putSecret, removeSecret
    case applyTopology, takeOver, changeTask, drainBolt, undrainBolt, reassignEnvoy
    case publishStack, rollbackStack, freezeStack, unfreezeStack, pauseRollout, resumeRollout, abortRollout
    case pushEnvoys, abortPush
    // The ops listener.
    case opsHealth, opsHealthHead, live, ready, metrics

    /// A method of HTTP that some endpoint takes.
    public enum Method: String, Sendable, CaseIterable {
        /// Reads.
        case get = "GET"
        /// Reads the head only.
        case head = "HEAD"
        /// Changes.
        case post = "POST"
    }

    /// Which of a bolt's listeners serves it.
    public enum Listener: Sendable {
        /// TLS 1.3, one port for peers and HTTP.
        case main
        /// Plain HTTP, local.
        case ops
    }

    /// The method.
    public var method: Method {
        switch self {
        case .enroll, .rekey, .checkIn, .peerCheckIn, .peerEnroll, .peerOperator, .createToken, .postAct, .removeEnvoy,
            .switchover, .promote, .removeMember, .stepDown, .dismissSalvage, .auditNote, .initSeal, .unseal, .seal,
            .putSecret, .removeSecret, .planTopology, .applyTopology, .takeOver, .changeTask, .drainBolt, .undrainBolt,
            .reassignEnvoy, .policyWebhook, .peerPolicyWake, .stackDiff, .validateStack, .publishStack, .rollbackStack,
            .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout, .abortRollout, .pushEnvoys, .abortPush:
            .post
        case .healthHead, .opsHealthHead: .head
        case .health, .openAPI, .status, .bolts, .bolt, .partitions, .envoys, .envoy, .envoyExplain, .envoyResults,
            .roster,
            .rosterLog, .rosterDigest, .rosterConflicts, .rosterContext, .rosterReceipt, .tokens, .partition,
            .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .sealStatus, .secrets,
            .topology, .topologyHistory, .topologyVersion, .slices, .slice, .sliceDigest, .takeoverPreview, .tasks,
            .task, .taskMoves, .opsHealth, .live, .ready, .metrics, .policyBody, .policyWait, .peerPolicy,
            .peerPolicyBody, .stackStatus, .stackHistory, .stackPreview, .push:
            .get
        }
    }

    /// The path; a segment in braces takes one path segment.
    public var path: String {
        switch self {
        case .enroll: "/v1/enroll"
        case .rekey: "/v1/envoy/rekey"
        case .checkIn: "/v1/checkin"
        case .peerCheckIn: "/v1/peer/checkin"
        case .peerEnroll: "/v1/peer/enroll"
        case .peerOperator: "/v1/peer/operator"
        case .health, .healthHead, .opsHealth, .opsHealthHead: "/v1/health"
        case .openAPI: "/v1/openapi.json"
        case .status: "/v1/status"
        case .bolts: "/v1/bolts"
        case .bolt: "/v1/bolts/{bolt}"
        case .stepDown: "/v1/bolts/{bolt}/step-down"
        case .partitions: "/v1/partitions"
        case .partition: "/v1/partitions/{partition}"
        case .partitionHistory: "/v1/partitions/{partition}/history"
        case .partitionSalvage, .dismissSalvage: "/v1/partitions/{partition}/salvage"
        case .partitionAudit, .auditNote: "/v1/partitions/{partition}/audit"
        case .partitionOperation: "/v1/partitions/{partition}/operations/{operation}"
        case .switchover: "/v1/partitions/{partition}/switchover"
        case .promote: "/v1/partitions/{partition}/promote"
        case .removeMember: "/v1/partitions/{partition}/remove"
        case .sealStatus: "/v1/seal"
        case .initSeal: "/v1/seal/init"
        case .unseal: "/v1/seal/unseal"
        case .seal: "/v1/seal/seal"
        case .secrets, .putSecret: "/v1/secrets"
        case .removeSecret: "/v1/secrets/remove"
        case .envoys: "/v1/envoys"
        case .envoy: "/v1/envoys/{envoy}"
        case .envoyExplain: "/v1/envoys/{envoy}/explain"
        case .envoyResults: "/v1/envoys/{envoy}/results"
        case .removeEnvoy: "/v1/envoys/{envoy}/remove"
        case .roster: "/v1/roster"
        case .rosterLog: "/v1/roster/log"
        case .rosterDigest: "/v1/roster/digest"
        case .rosterConflicts: "/v1/roster/conflicts"
        case .rosterContext: "/v1/roster/context"
        case .rosterReceipt: "/v1/roster/receipt"
        case .postAct: "/v1/roster/acts"
        case .tokens, .createToken: "/v1/tokens"
        case .topology: "/v1/topology"
        case .topologyHistory: "/v1/topology/history"
        case .topologyVersion: "/v1/topology/applies/{apply}"
        case .planTopology: "/v1/topology/plan"
        case .applyTopology: "/v1/topology/apply"
        case .slices: "/v1/slices"
        case .slice: "/v1/slices/{group}/{slice}"
        case .sliceDigest: "/v1/slices/digest"
        case .takeoverPreview: "/v1/partitions/{partition}/takeover"
        case .takeOver: "/v1/slices/takeover"
        case .tasks: "/v1/tasks"
        case .task, .changeTask: "/v1/tasks/{task}"
        case .taskMoves: "/v1/tasks/{task}/moves"
        case .drainBolt: "/v1/bolts/{bolt}/drain"
        case .undrainBolt: "/v1/bolts/{bolt}/undrain"
        case .reassignEnvoy: "/v1/envoys/{envoy}/reassign"
        case .policyBody, .policyWait, .policyWebhook, .peerPolicy, .peerPolicyBody, .peerPolicyWake, .stackStatus,
            .stackHistory, .stackDiff, .validateStack, .stackPreview, .publishStack, .rollbackStack, .freezeStack,
            .unfreezeStack, .pauseRollout, .resumeRollout, .abortRollout, .pushEnvoys, .push, .abortPush:
            policyPath
        case .live: "/livez"
        case .ready: "/readyz"
        case .metrics: "/metrics"
        }
    }

    /// Who may use it.
    public var access: Access {
        switch self {
        case .enroll: .tokenHolder
        case .policyWebhook: .secretHolder
        case .rekey, .checkIn, .policyBody, .policyWait: .envoy
        case .peerCheckIn, .peerEnroll, .peerOperator, .peerPolicy, .peerPolicyBody, .peerPolicyWake: .bolt
        case .health, .healthHead, .opsHealth, .opsHealthHead, .live, .ready, .metrics: .anyone
        case .openAPI, .status, .bolts, .bolt, .partitions, .envoys, .envoy, .envoyExplain, .envoyResults, .roster,
            .rosterLog,
            .rosterDigest, .rosterConflicts, .rosterContext, .rosterReceipt, .tokens, .partition, .partitionHistory,
            .partitionSalvage, .partitionAudit, .partitionOperation, .sealStatus, .secrets, .topology,
            .topologyHistory, .topologyVersion, .planTopology, .slices, .slice, .sliceDigest, .takeoverPreview, .tasks,
            .task, .taskMoves, .stackStatus, .stackHistory, .stackDiff, .validateStack, .stackPreview, .push:
            .operator(.viewer)
        case .createToken, .postAct, .removeEnvoy, .switchover, .promote, .stepDown, .dismissSalvage, .auditNote,
            .unseal, .putSecret, .removeSecret, .applyTopology, .changeTask, .drainBolt, .undrainBolt, .reassignEnvoy,
            .publishStack, .rollbackStack, .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout, .abortRollout,
            .pushEnvoys, .abortPush:
            .operator(.operator)
        case .removeMember, .initSeal, .seal, .takeOver: .operator(.admin)
        }
    }

    /// Which listener serves it.
    public var listener: Listener {
        switch self {
        case .opsHealth, .opsHealthHead, .live, .ready, .metrics: .ops
        case .enroll, .rekey, .checkIn, .peerCheckIn, .peerEnroll, .health, .healthHead, .openAPI, .status, .bolts,
            .bolt, .partitions, .envoys, .envoy, .envoyExplain, .envoyResults, .roster, .rosterLog, .rosterDigest,
            .rosterConflicts,
            .rosterContext, .rosterReceipt, .tokens, .createToken, .postAct, .removeEnvoy, .peerOperator, .partition,
            .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .switchover, .promote,
            .removeMember, .stepDown, .dismissSalvage, .auditNote, .sealStatus, .secrets, .initSeal, .unseal, .seal,
            .putSecret, .removeSecret, .topology, .topologyHistory, .topologyVersion, .planTopology, .applyTopology,
            .slices, .slice, .sliceDigest, .takeoverPreview, .takeOver, .tasks, .task, .taskMoves, .changeTask,
            .drainBolt, .undrainBolt, .reassignEnvoy, .policyBody, .policyWait, .policyWebhook, .peerPolicy,
            .peerPolicyBody, .peerPolicyWake, .stackStatus, .stackHistory, .stackDiff, .validateStack, .stackPreview,
            .publishStack, .rollbackStack, .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout, .abortRollout,
            .pushEnvoys, .push, .abortPush:
            .main
        }
    }

    /// Whether it changes anything; those that do take `?dry_run=true` where an operator asks.
    /// What is only judged or compared is posted because it does not fit into a query; it changes nothing.
    public var mutates: Bool {
        method == .post && ![.planTopology, .stackDiff, .validateStack].contains(self)
    }

    /// Whether a request that got no answer may be sent again, here or elsewhere, without a second effect.
    public var isRepeatable: Bool {
        // A second token would be a second way in; acts, removals and check-ins are the same thing when repeated.
        // Operations of a partition are looked up by their id instead: another bolt would be another candidate.
        switch self {
        // Seals are this bolt's own; a secret that is put twice gets two versions.
        case .createToken, .switchover, .promote, .removeMember, .stepDown, .auditNote, .initSeal, .unseal, .seal,
            .putSecret,
            .removeSecret:
            false
        // Looked up by their id instead: another bolt would be another driver, or would take it on another register.
        case .applyTopology, .takeOver, .drainBolt, .undrainBolt, .reassignEnvoy: false
        // Another operator's change may have come between; a push is looked up by its id.
        case .publishStack, .rollbackStack, .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout,
            .abortRollout, .pushEnvoys, .abortPush:
            false
        case _: true
        }
    }

    /// Whether a bolt passes it on to the one that has to answer, with the operator's certificate chain.
    public var isForwardable: Bool {
        switch self {
        case .envoyResults, .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .switchover,
            .promote,
            .removeMember, .stepDown, .dismissSalvage, .auditNote, .applyTopology, .takeOver, .task, .taskMoves,
            .changeTask, .drainBolt, .undrainBolt, .reassignEnvoy, .stackStatus, .stackHistory, .stackDiff,
            .validateStack, .stackPreview, .publishStack, .rollbackStack, .freezeStack, .unfreezeStack, .pauseRollout,
            .resumeRollout, .abortRollout, .pushEnvoys, .push, .abortPush:
            true
        case _: false
        }
    }

    /// Bytes of body that it reads; 0 where it takes none.
    public var bodyBytesMax: Int {
        switch self {
        case .checkIn: APILimits.checkInBytesMax
        case .peerCheckIn: APILimits.checkInBytesMax + 64 * 1024
        case .peerOperator: APILimits.planBytesMax / 2 * 3
        case .planTopology: TopologyLimits.documentBytesMax * 2
        case .applyTopology: APILimits.planBytesMax
        case .takeOver: APILimits.takeoverBytesMax
        case .policyWebhook: APILimits.webhookBytesMax
        case .stackDiff, .validateStack, .publishStack: APILimits.stackBytesMax
        case .enroll, .rekey, .peerEnroll, .createToken, .postAct, .removeEnvoy, .switchover, .promote, .removeMember,
            .stepDown, .dismissSalvage, .auditNote, .initSeal, .unseal, .seal, .putSecret, .removeSecret, .changeTask,
            .drainBolt, .undrainBolt, .reassignEnvoy, .peerPolicyWake, .rollbackStack, .freezeStack, .unfreezeStack,
            .pauseRollout, .resumeRollout, .abortRollout, .pushEnvoys, .abortPush:
            APILimits.bodyBytesMax
        case .health, .healthHead, .openAPI, .status, .bolts, .bolt, .partitions, .envoys, .envoy, .envoyExplain,
            .envoyResults,
            .roster, .rosterLog, .rosterDigest, .rosterConflicts, .rosterContext, .rosterReceipt, .tokens, .partition,
            .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .sealStatus, .secrets,
            .topology, .topologyHistory, .topologyVersion, .slices, .slice, .sliceDigest, .takeoverPreview, .tasks,
            .task, .taskMoves, .opsHealth, .opsHealthHead, .live, .ready, .metrics, .policyBody, .policyWait,
            .peerPolicy, .peerPolicyBody, .stackStatus, .stackHistory, .stackPreview, .push:
            0
        }
    }

    /// Finds the endpoint of a request.
    ///
    /// `segments` are those of the path, percent-decoded. The values of segments in braces come back in order. Nil
    /// where nothing is listed.
    public static func match(
        _ method: Method, segments: [String], on listener: Listener
    ) -> (endpoint: Endpoint, arguments: [String])? {
        for endpoint in allCases where endpoint.method == method && endpoint.listener == listener {
            let pattern = endpoint.path.split(separator: "/")
            guard pattern.count == segments.count else { continue }
            var arguments: [String] = []
            let fits = zip(pattern, segments).allSatisfy { part, segment in
                guard part.hasPrefix("{") else { return part == segment }
                arguments.append(segment)
                return !segment.isEmpty
            }
            if fits { return (endpoint, arguments) }
        }
        return nil
    }

    /// The path with the segments in braces replaced, in order. `arguments` must be percent-encoded already.
    public func path(_ arguments: String...) -> String {
        var rest = arguments[...]
        return path.split(separator: "/").map { part in
            part.hasPrefix("{") ? "/" + (rest.popFirst() ?? "") : "/" + part
        }.joined()
    }
}
