extension Problem.Code {
    /// No topology was applied yet: there are no groups, slices and owners.
    public static let noTopology = Self(rawValue: "no_topology")
    /// The document is no valid topology.
    public static let invalidTopology = Self(rawValue: "invalid_topology")
    /// The topology, or who is drained, has changed since the plan was made.
    public static let topologyMoved = Self(rawValue: "topology_moved")
    /// The plan's time is over.
    public static let planExpired = Self(rawValue: "plan_expired")
    /// The plan is not the one that its id names, or leads to another topology than the one that came with it.
    public static let planAltered = Self(rawValue: "plan_altered")
    /// Something stands in the way of the plan.
    public static let planBlocked = Self(rawValue: "plan_blocked")
    /// The topology wants what can never be: another number of slices, another mesh.
    public static let topologyRefused = Self(rawValue: "topology_refused")
    /// Another task moves slices.
    public static let taskRuns = Self(rawValue: "task_runs")
    /// The task cannot do that now.
    public static let taskRefused = Self(rawValue: "task_refused")
    /// A bolt of the partition answers: a takeover is not the way.
    public static let ownerLives = Self(rawValue: "owner_lives")
    /// No other bolt of the partition could be primary.
    public static let lastBolt = Self(rawValue: "last_bolt")
    /// No other partition could own the slices.
    public static let nobodyElse = Self(rawValue: "nobody_else")
    /// Another partition owns the envoy's slice; nothing was stored.
    public static let notOwner = Self(rawValue: "not_owner")
    /// The envoy's slice is being handed over; nothing was stored.
    public static let sliceSealed = Self(rawValue: "slice_sealed")

    /// The topology in force has no such group.
    public static let noSuchGroup = Self(rawValue: "no_such_group")
    /// The envoy is in that group already.
    public static let sameGroup = Self(rawValue: "same_group")
    /// A slice that the envoy would leave, or go to, is being handed over.
    public static let sliceMoves = Self(rawValue: "slice_moves")

    /// What slices add to the catalogue.
    static let sliceCodes: [Self] = [
        .noTopology, .invalidTopology, .topologyMoved, .planExpired, .planAltered, .planBlocked, .topologyRefused,
        .taskRuns, .taskRefused, .ownerLives, .lastBolt, .nobodyElse, .notOwner, .sliceSealed,
        .noSuchGroup, .sameGroup, .sliceMoves,
    ]

    /// What is refused about slices so that promises are kept; nothing was changed. A program ends with 4 on them.
    static let sliceRefusals: Set<Self> = [
        .noTopology, .topologyMoved, .planExpired, .planAltered, .planBlocked, .topologyRefused, .taskRuns,
        .taskRefused, .ownerLives, .lastBolt, .nobodyElse, .noSuchGroup, .sameGroup, .sliceMoves,
    ]

    static let sliceEntries: [Self: Problem.Entry] = [
        .noTopology: .init(
            status: 409, title: "No topology", next: "apply one first: boltctl topology apply FILE"),
        .invalidTopology: .init(
            status: 422, title: "No valid topology", next: "correct it: boltctl topology validate FILE"),
        .topologyMoved: .init(
            status: 409, title: "The topology has changed",
            next: "look at what is in force and make a new plan: boltctl topology plan FILE"),
        .planExpired: .init(
            status: 409, title: "Plan expired", next: "make a new plan: boltctl topology plan FILE"),
        .planAltered: .init(
            status: 409, title: "Plan altered", next: "make a new plan: boltctl topology plan FILE"),
        .planBlocked: .init(
            status: 409, title: "Something stands in the way",
            next: "remove the cause named, or do what can be done: --despite-blockers"),
        .topologyRefused: .init(
            status: 409, title: "It can never be", next: "see what is refused: boltctl topology plan FILE"),
        .taskRuns: .init(
            status: 409, title: "Another task runs",
            next: "wait for it, or cancel it: boltctl rebalance status"),
        .taskRefused: .init(
            status: 409, title: "Not possible for the task now", next: "see how it stands: boltctl rebalance status"),
        .ownerLives: .init(
            status: 409, title: "The owner lives",
            next: "move its slices by a plan: boltctl partition drain PARTITION"),
        .lastBolt: .init(
            status: 409, title: "The last bolt",
            next: "have a standby in sync first: boltctl partition show PARTITION"),
        .nobodyElse: .init(
            status: 409, title: "Nobody else", next: "let another partition with a weight serve the groups"),
        .noSuchGroup: .init(
            status: 409, title: "No such group", next: "see which there are: boltctl topology export"),
        .sameGroup: .init(
            status: 409, title: "In that group already", next: "nothing: boltctl envoy show NAME"),
        .sliceMoves: .init(
            status: 409, title: "The slice is on its way",
            next: "ask again when it has arrived: boltctl rebalance status --wait"),
        .notOwner: .init(
            status: 421, title: "Another partition owns the slice", next: "send the same request to its bolts"),
        .sliceSealed: .init(
            status: 503, title: "The slice is being handed over", next: "try again after Retry-After"),
    ]
}

extension Problem {
    /// A topology of another mesh was brought to `mesh`: what differs, as a diff tells it, and what to do.
    public static func otherMesh(_ topology: Topology, than mesh: String) -> Problem {
        let differs = TopologyDiff(from: Topology.empty(mesh: mesh), to: topology).refused.first?.description
        return Problem(
            .topologyRefused,
            "the topology is of another mesh: \(differs ?? topology.mesh); nothing was changed",
            next:
                "ask a bolt of \(topology.mesh) with --context or --bolt; or name \(mesh) as the mesh in the file, if "
                + "it is meant for that one")
    }
}
