public import CRDT
public import Spanner

/// What a machine gets: `GET /v1/stack/preview?envoy=&revision=`; `envoy` by id, name or fingerprint, `revision` as in
/// a diff, absent for what is in force.
///
/// The body is what the machine itself gets: whoever asks resolves it as the machine does, against these traits or
/// others. Nothing in it is secret.
public struct PreviewResponse: Hashable, Sendable, Codable {
    /// A secret that a body names.
    public struct Secret: Hashable, Sendable, Codable {
        /// Its name.
        public var name: String
        /// Whether the partition keeps it.
        public var isKept: Bool

        /// A secret.
        public init(name: String, isKept: Bool) { (self.name, self.isKept) = (name, isKept) }

        enum CodingKeys: String, CodingKey {
            case name
            case isKept = "kept"
        }
    }

    /// Which machine.
    public var envoy: PrincipalID
    /// Its name.
    public var name: PrincipalName
    /// Its group, as the roster has it.
    public var group: GroupName?
    /// Its labels, as the roster has them.
    public var labels: [String: String]
    /// Whose machine it is.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// The revision.
    public var revision: String
    /// Layers that are for it, in their order; conditions on traits are judged on the machine.
    public var layers: [String]
    /// Digest of the body.
    public var digest: Bytes32
    /// The body.
    public var body: Base64Bytes
    /// Secrets that the body names, by name.
    public var secrets: [Secret]
    /// What the machine last told of itself; nil where it never reported.
    public var traits: [String: JSONValue]?
    /// When that was, by the owner's clock.
    public var traitsAt: WallTime?
    /// What it was given and what it last did.
    public var policy: EnvoyPolicyView?

    /// What a machine gets.
    public init(
        envoy: PrincipalID, name: PrincipalName, group: GroupName?, labels: [String: String],
        partition: PartitionName, bolt: String, revision: String, layers: [String], digest: Bytes32,
        body: Base64Bytes, secrets: [Secret], traits: [String: JSONValue]?, traitsAt: WallTime?,
        policy: EnvoyPolicyView? = nil
    ) {
        (self.envoy, self.name, self.group, self.labels) = (envoy, name, group, labels)
        (self.partition, self.bolt, self.revision) = (partition, bolt, revision)
        (self.layers, self.digest, self.body, self.secrets) = (layers, digest, body, secrets)
        (self.traits, self.traitsAt, self.policy) = (traits, traitsAt, policy)
    }

    enum CodingKeys: String, CodingKey {
        case envoy, name, group, labels, partition, bolt, revision, layers, digest, body, secrets, traits, policy
        case traitsAt = "traits_at_ms"
    }
}

/// An envoy and its policy, as its owner has them.
public struct EnvoyPolicyView: Hashable, Sendable, Codable {
    /// The revision that it is to have; nil where it has none.
    public var revision: String?
    /// Sequence of the head in force.
    public var sequence: UInt64
    /// Hash of the leaf that it is to have.
    public var leaf: Bytes32?
    /// Digest of that leaf's body.
    public var body: Bytes32?
    /// Secrets that are sealed to it.
    public var secrets: Int
    /// Whether it is given that leaf now; false while a roll-out has not come to it, and while it is held up.
    public var isGiven: Bool
    /// Whether it said what it holds since its bolt began: false just after that one's start, when `held` says
    /// nothing. Nil where the bolt does not tell that.
    public var isReported: Bool?
    /// Hash of the leaf that it said it holds, at its last report; nil for none.
    public var held: Bytes32?
    /// Sequence of the head under which it took that; nil where it did not say.
    public var heldSequence: UInt64?
    /// The revision of then; nil where that is not kept.
    public var heldRevision: String?
    /// Why what it is to have cannot be made, in words: a secret is missing, say. It keeps what it has. Nil where it
    /// can.
    public var heldUp: String?
    /// Its last pass; nil where none was told.
    public var lastPass: EnvoyPassView?

    /// An envoy and its policy.
    public init(
        revision: String?, sequence: UInt64, leaf: Bytes32?, body: Bytes32?, secrets: Int = 0, isGiven: Bool,
        isReported: Bool? = nil, held: Bytes32?, heldSequence: UInt64? = nil, heldRevision: String? = nil,
        heldUp: String? = nil, lastPass: EnvoyPassView?
    ) {
        (self.revision, self.sequence, self.leaf, self.body) = (revision, sequence, leaf, body)
        (self.secrets, self.isGiven, self.held, self.lastPass) = (secrets, isGiven, held, lastPass)
        (self.heldSequence, self.heldRevision, self.heldUp) = (heldSequence, heldRevision, heldUp)
        self.isReported = isReported
    }

    enum CodingKeys: String, CodingKey {
        case revision, sequence, leaf, body, secrets, held
        case isGiven = "given"
        case isReported = "reported"
        case heldSequence = "held_sequence"
        case heldRevision = "held_revision"
        case heldUp = "held_up"
        case lastPass = "last_pass"
    }

    /// Whether it holds what it is to have.
    public var isCurrent: Bool { heldUp == nil && leaf != nil && leaf == held }
}

/// The last pass that an envoy told of, in short; the whole stands among its results.
public struct EnvoyPassView: Hashable, Sendable, Codable {
    /// When it began, by the machine's clock.
    public var at: WallTime
    /// How it ended.
    public var outcome: PassRecord.Outcome
    /// Sequence of the head that it obeyed; nil where there was none.
    public var sequence: UInt64?
    /// The push that called for it.
    public var push: PrincipalID?
    /// Whether no server was heard: disruptive resources waited.
    public var isOffline: Bool
    /// What kept it from being made; nil where nothing did.
    public var trouble: String?
    /// How many resources ended how; nil where it was not made.
    public var counts: PassCounts?
    /// Resources that failed or were passed over, what failed first; at most `APILimits.passResourcesShown`.
    public var resources: [PassResource]

    /// A pass in short.
    public init(
        at: WallTime, outcome: PassRecord.Outcome, sequence: UInt64?, push: PrincipalID? = nil, isOffline: Bool,
        trouble: String? = nil, counts: PassCounts?, resources: [PassResource]
    ) {
        (self.at, self.outcome, self.sequence, self.push) = (at, outcome, sequence, push)
        (self.isOffline, self.trouble, self.counts, self.resources) = (isOffline, trouble, counts, resources)
    }

    /// A pass in short: what failed, then what was passed over.
    public init(_ record: PassRecord) {
        let resources = record.report?.resources ?? []
        let shown = resources.filter { $0.outcome == .failed } + resources.filter { $0.outcome == .skipped }
        self.init(
            at: record.at, outcome: record.outcome, sequence: record.sequence, push: record.push,
            isOffline: record.isOffline, trouble: record.trouble, counts: record.report?.counts,
            resources: Array(shown.prefix(APILimits.passResourcesShown)))
    }

    enum CodingKeys: String, CodingKey {
        case outcome, sequence, push, trouble, counts, resources
        case at = "at_ms"
        case isOffline = "offline"
    }
}
