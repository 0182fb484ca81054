extension Problem.Code {
    /// The stack has faults; what is in force stays.
    public static let invalidStack = Self(rawValue: "invalid_stack")
    /// Nothing was published in the partition yet.
    public static let noStack = Self(rawValue: "no_stack")
    /// The partition has no such revision, or keeps its files no longer.
    public static let noSuchRevision = Self(rawValue: "no_such_revision")
    /// Another revision is in force than the caller expects.
    public static let stackMoved = Self(rawValue: "stack_moved")
    /// The partition's stack is frozen.
    public static let stackFrozen = Self(rawValue: "stack_frozen")
    /// The partition follows no source.
    public static let noSource = Self(rawValue: "no_source")
    /// The source cannot be read; what is in force stays.
    public static let sourceUnavailable = Self(rawValue: "source_unavailable")
    /// The roll-out policy would block itself.
    public static let rolloutBlocked = Self(rawValue: "rollout_blocked")
    /// There is no roll-out that could do that now.
    public static let rolloutRefused = Self(rawValue: "rollout_refused")
    /// Another push runs in the partition.
    public static let pushRuns = Self(rawValue: "push_runs")
    /// The push cannot do that now.
    public static let pushRefused = Self(rawValue: "push_refused")

    /// What policy adds to the catalogue.
    static let policyCodes: [Self] = [
        .invalidStack, .noStack, .noSuchRevision, .stackMoved, .stackFrozen, .noSource, .sourceUnavailable,
        .rolloutBlocked, .rolloutRefused, .pushRuns, .pushRefused,
    ]

    /// What is refused about policy so that promises are kept; nothing was changed. A program ends with 4 on them.
    static let policyRefusals: Set<Self> = [
        .noStack, .stackMoved, .stackFrozen, .noSource, .rolloutBlocked, .rolloutRefused, .pushRuns,
        .pushRefused,
    ]

    static let policyEntries: [Self: Problem.Entry] = [
        .invalidStack: .init(
            status: 422, title: "No valid stack", next: "correct it: boltctl stack validate DIR"),
        .noStack: .init(
            status: 409, title: "No stack", next: "publish one first: boltctl stack publish DIR"),
        .noSuchRevision: .init(
            status: 404, title: "No such revision", next: "see which there are: boltctl stack history"),
        .stackMoved: .init(
            status: 409, title: "Another revision is in force",
            next: "look at what is in force and decide again: boltctl stack status"),
        .stackFrozen: .init(
            status: 409, title: "The stack is frozen",
            next: "see by whom and why: boltctl stack status; let it go on: boltctl stack unfreeze"),
        .noSource: .init(
            status: 409, title: "No source",
            next: "publish a directory: boltctl stack publish DIR; or set policy.source on the partition's bolts"),
        .sourceUnavailable: .init(
            status: 503, title: "The source cannot be read",
            next: "see why: boltctl stack status; meanwhile freeze the stack, then publish a directory"),
        .rolloutBlocked: .init(
            status: 409, title: "The roll-out would block itself",
            next: "correct rollout in stack.yaml: boltctl stack validate DIR"),
        .rolloutRefused: .init(
            status: 409, title: "Not possible for the roll-out now", next: "see how it stands: boltctl stack status"),
        .pushRuns: .init(
            status: 409, title: "Another push runs", next: "wait for it, or end it: boltctl stack status"),
        .pushRefused: .init(
            status: 409, title: "Not possible for the push now", next: "see how it stands: boltctl stack status"),
    ]
}
