internal import CRDT
internal import Policy
internal import Spanner
internal import SpannerStore

/// What a primary works with while it reigns: read from the tables when it begins, and changed with what it journals.
struct PolicyReign {
    /// The epoch in which it began.
    let epoch: PartitionEpoch
    /// The head in force; nil before the first.
    var head: SignedPolicyHead?
    /// The version in force; nil before the first.
    var version: PolicyVersion?
    /// Its stack, read; nil before the first, and where it cannot be read any more.
    var stack: Stack?
    /// Bodies by selections of that stack.
    var bodies: [StackSelection: CompiledBody] = [:]
    /// All leaves.
    var tree: PolicyTree
    /// The same with the version since which they are so.
    var rows: [PrincipalID: LeafInForce] = [:]
    /// What envoys were given last.
    var deliveries: [PrincipalID: Delivered] = [:]
    /// The partition's envoys; nil before the roster was looked at.
    var fleet: [PrincipalID: FleetMember]?
    /// From what boxes were made, as far as that was looked up.
    var ingredients: [PrincipalID: Bytes32] = [:]
    /// Envoys that do not get what they should, and why.
    var troubles: [PrincipalID: String] = [:]
    /// The highest number that a version has.
    var sequence: UInt64 = 0
    /// Who holds new versions back; nil where nobody does.
    var freeze: PolicyFreeze?
    /// Who is given the version.
    var rollout: RolloutRun?
    /// Pushes that run.
    var pushes: [PrincipalID: PushRun] = [:]
    /// The highest number that an order has.
    var ordered: UInt64 = 0
    /// Whether the leaves are not those of the head: a version was cut off half-way, or rows left with their slice.
    var isTorn = false
    /// Whether envoys know of later versions than there are here: the head is to be signed anew under this epoch.
    var needsHead = false
    /// Whether old versions may be left to let go of.
    var isRetireDue = true
    /// Envoys to look at again.
    var dirty: Set<PrincipalID> = []
    /// Whether all that need secrets are to be looked at again.
    var areSecretsDirty = false
    /// When the last version was made here.
    var madeAt = ContinuousClock.now - PolicyServiceLimits.secretsInterval

    /// Nothing is known yet.
    init(epoch: PartitionEpoch, witness: any Witness) {
        self.epoch = epoch
        tree = PolicyTree([], by: witness)
    }

    /// Envoys that are not given what they are to have.
    var waiting: Set<PrincipalID> {
        Set(rows.filter { (deliveries[$0.key]?.sequence ?? 0) < $0.value.since }.keys)
    }

    /// Where the fleet is to be worked through once more.
    var hasWork: Bool { isTorn || needsHead || areSecretsDirty || !dirty.isEmpty }
}

/// What an envoy is to have, and since which version.
struct LeafInForce: Hashable, Sendable {
    /// What.
    let leaf: PolicyLeaf
    /// Since which version.
    let since: UInt64
}

/// What an envoy was given last, and what became of it.
struct Delivered: Hashable, Sendable {
    /// The head's sequence then.
    var sequence: UInt64
    /// What became of it.
    var outcome = PolicyDelivery.Outcome.open
}

/// The body of a selection.
struct CompiledBody: Sendable {
    /// Its digest.
    let digest: Bytes32
    /// Secrets that it names.
    let secrets: [String]
}

/// A stack that is to be put in force.
struct PolicyPublication: Sendable {
    /// All its files.
    let files: PolicyFiles
    /// The same, read.
    let stack: Stack
    /// Digest of the files.
    let digest: Bytes32
    /// What it is called.
    let revision: String
    /// Who puts it in force.
    let who: String
    /// Why.
    let note: String
    /// When, by this bolt's clock.
    let at = WallClock.now()
    /// Whether all are given it at once.
    var immediately = false
    /// A freeze that goes with it.
    var freeze: PolicyFreeze?
    /// What has to be in force when it has its turn; nil where anything may be.
    var expected: String?
    /// Whether a freeze holds it back.
    var yieldsToFreeze = false
    /// Its line of the audit log.
    var audit: AuditEntry?
}

/// What a version changes.
struct PolicyDraft: Sendable {
    /// Its number.
    let sequence: UInt64
    /// Leaves that are others, by envoy.
    var changes: [PolicyLeafChange] = []
    /// The same as rows.
    var rows: [LeafInForce] = []
    /// Envoys that are gone.
    var removed: [PrincipalID] = []
    /// Bodies by selections, those that were known included.
    var compiled: [StackSelection: CompiledBody] = [:]
    /// Bodies that have to be stored first.
    var bodies: [Bytes32: [UInt8]] = [:]
    /// From what new boxes were made; zero for those that need none any more.
    var ingredients: [PrincipalID: Bytes32] = [:]
    /// Envoys that keep what they have though they should not.
    var troubles: [PrincipalID: String] = [:]
    /// Envoys that were looked at.
    var judged: Set<PrincipalID> = []

    /// Whether there is anything for a head to say.
    var isEmpty: Bool { changes.isEmpty }
}
