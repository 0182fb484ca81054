extension Endpoint {
    /// A shape of the API.
    public typealias Shape = any (Codable & Sendable).Type

    /// What the body of a request is; nil where it takes none.
    public var requestShape: Shape? {
        switch self {
        case .enroll: EnrolRequest.self
        case .rekey: RekeyRequest.self
        case .checkIn: CheckInRequest.self
        case .peerCheckIn: PeerCheckInRequest.self
        case .peerEnroll: PeerEnrolRequest.self
        case .createToken: CreateTokenRequest.self
        case .postAct: PostActRequest.self
        case .removeEnvoy: RemoveEnvoyRequest.self
        case .peerOperator: PeerOperatorRequest.self
        case .switchover: SwitchoverRequest.self
        case .promote: PromoteRequest.self
        case .removeMember: RemoveMemberRequest.self
        case .stepDown: StepDownRequest.self
        case .dismissSalvage: DismissSalvageRequest.self
        case .auditNote: AuditNoteRequest.self
        case .initSeal: InitSealRequest.self
        case .unseal: UnsealRequest.self
        case .seal: SealRequest.self
        case .putSecret: PutSecretRequest.self
        case .removeSecret: RemoveSecretRequest.self
        case .planTopology: PlanTopologyRequest.self
        case .applyTopology: ApplyTopologyRequest.self
        case .takeOver: TakeOverRequest.self
        case .changeTask: ChangeTaskRequest.self
        case .drainBolt, .undrainBolt: DrainBoltRequest.self
        case .reassignEnvoy: ReassignEnvoyRequest.self
        case .policyWebhook: PolicyWebhookRequest.self
        case .peerPolicyWake: PeerPolicyWakeRequest.self
        case .stackDiff: StackDiffRequest.self
        case .validateStack: ValidateStackRequest.self
        case .publishStack: PublishStackRequest.self
        case .rollbackStack: RollbackStackRequest.self
        case .freezeStack, .unfreezeStack: FreezeStackRequest.self
        case .pauseRollout, .resumeRollout, .abortRollout: ChangeRolloutRequest.self
        case .pushEnvoys: PushRequest.self
        case .abortPush: AbortPushRequest.self
        case .health, .healthHead, .openAPI, .status, .bolts, .bolt, .partitions, .envoys, .envoy, .envoyExplain,
            .envoyResults,
            .roster, .rosterLog, .rosterDigest, .rosterConflicts, .rosterContext, .rosterReceipt, .tokens, .partition,
            .partitionHistory, .partitionSalvage, .partitionAudit, .partitionOperation, .sealStatus, .secrets,
            .topology, .topologyHistory, .topologyVersion, .slices, .slice, .sliceDigest, .takeoverPreview, .tasks,
            .task, .taskMoves, .opsHealth, .opsHealthHead, .live, .ready, .metrics, .policyBody, .policyWait,
            .peerPolicy, .peerPolicyBody, .stackStatus, .stackHistory, .stackPreview, .push:
            nil
        }
    }

    /// What the body of an answer that is no problem is; nil where it has none, plain text, or bytes.
    public var answerShape: Shape? {
        switch self {
        case .enroll, .rekey, .peerEnroll: EnrolResponse.self
        case .checkIn, .peerCheckIn: CheckInResponse.self
        case .health, .opsHealth: HealthResponse.self
        case .openAPI: [String: JSONValue].self
        case .status: StatusResponse.self
        case .bolts: BoltsResponse.self
        case .bolt: BoltResponse.self
        case .partitions: PartitionsResponse.self
        case .partition: PartitionResponse.self
        case .partitionHistory: PartitionHistoryResponse.self
        case .partitionSalvage: SalvageResponse.self
        case .partitionAudit: AuditResponse.self
        case .partitionOperation: OperationFateResponse.self
        case .switchover, .promote, .removeMember, .stepDown: OperationResponse.self
        case .dismissSalvage: DismissSalvageResponse.self
        case .auditNote: AuditNoteResponse.self
        case .peerOperator: [String: JSONValue].self
        case .sealStatus: SealStatusResponse.self
        case .initSeal, .unseal, .seal: SealChangeResponse.self
        case .secrets: SecretsResponse.self
        case .putSecret, .removeSecret: SecretChangeResponse.self
        case .envoys: EnvoysResponse.self
        case .envoy: EnvoyResponse.self
        case .envoyExplain: ExplainResponse.self
        case .envoyResults: EnvoyResultsResponse.self
        case .roster: RosterResponse.self
        case .rosterLog: RosterLogResponse.self
        case .rosterDigest: RosterDigestResponse.self
        case .rosterConflicts: ConflictsResponse.self
        case .rosterContext: RosterContextResponse.self
        case .rosterReceipt: ReceiptResponse.self
        case .tokens: TokensResponse.self
        case .createToken: CreateTokenResponse.self
        case .postAct, .removeEnvoy: ChangeResponse.self
        case .topology: TopologyResponse.self
        case .topologyHistory: TopologyHistoryResponse.self
        case .topologyVersion: TopologyVersionResponse.self
        case .planTopology: PlanTopologyResponse.self
        case .applyTopology: ApplyTopologyResponse.self
        case .slices: SlicesResponse.self
        case .slice: SliceResponse.self
        case .sliceDigest: SliceDigestResponse.self
        case .takeoverPreview: TakeoverPreviewResponse.self
        case .takeOver: TakeOverResponse.self
        case .tasks: TasksResponse.self
        case .task: TaskResponse.self
        case .taskMoves: TaskMovesResponse.self
        case .changeTask: ChangeTaskResponse.self
        case .drainBolt, .undrainBolt: DrainBoltResponse.self
        case .reassignEnvoy: ReassignEnvoyResponse.self
        case .policyWebhook, .peerPolicyWake: PolicyWebhookResponse.self
        case .policyWait: PolicyWaitResponse.self
        case .peerPolicy: PeerPolicyResponse.self
        case .stackStatus: StackStatusResponse.self
        case .stackHistory: StackHistoryResponse.self
        case .stackDiff: StackDiffResponse.self
        case .validateStack: ValidateStackResponse.self
        case .stackPreview: PreviewResponse.self
        case .publishStack, .rollbackStack, .freezeStack, .unfreezeStack, .pauseRollout, .resumeRollout,
            .abortRollout:
            StackChangeResponse.self
        case .push: PushResponse.self
        case .pushEnvoys, .abortPush: PushChangeResponse.self
        case .healthHead, .opsHealthHead, .live, .ready, .metrics, .policyBody, .peerPolicyBody: nil
        }
    }
}
