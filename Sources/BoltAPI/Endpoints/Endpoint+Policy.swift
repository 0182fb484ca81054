extension Endpoint {
    /// Paths of what is about policy; empty for any other.
    var policyPath: String {
        switch self {
        case .policyBody: "/v1/policy/bodies/{digest}"
        case .policyWait: "/v1/policy/wait"
        case .policyWebhook: "/v1/policy/webhook"
        case .peerPolicy: "/v1/peer/policy"
        case .peerPolicyBody: "/v1/peer/policy/bodies/{digest}"
        case .peerPolicyWake: "/v1/peer/policy/wake"
        case .stackStatus: "/v1/stack"
        case .stackHistory: "/v1/stack/history"
        case .stackDiff: "/v1/stack/diff"
        case .validateStack: "/v1/stack/validate"
        case .stackPreview: "/v1/stack/preview"
        case .publishStack: "/v1/stack/publish"
        case .rollbackStack: "/v1/stack/rollback"
        case .freezeStack: "/v1/stack/freeze"
        case .unfreezeStack: "/v1/stack/unfreeze"
        case .pauseRollout: "/v1/rollouts/pause"
        case .resumeRollout: "/v1/rollouts/resume"
        case .abortRollout: "/v1/rollouts/abort"
        case .pushEnvoys: "/v1/envoys/push"
        case .push: "/v1/pushes/{push}"
        case .abortPush: "/v1/pushes/{push}/abort"
        case _: ""
        }
    }

    /// Whether it is about policy: bodies, stacks, roll-outs and pushes.
    public var isAboutPolicy: Bool { !policyPath.isEmpty }
    /// Whether an answer is bytes as they are, `application/octet-stream`.
    public var answersBytes: Bool { self == .policyBody || self == .peerPolicyBody }
}
