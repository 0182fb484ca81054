public import CRDT
public import Spanner

/// What an answer to a report says of policy. Its proofs speak for themselves: who passes it on vouches for nothing.
public struct CheckInPolicy: Hashable, Sendable, Codable {
    /// How what the envoy holds compares with what it is to have.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// It holds what it is to have.
        case current
        /// It is to have what `grant` proves, with the body and the box that the grant names.
        case changed
        /// There is a newer one that it is not given now, for `reason`: what it holds stays in force.
        case withheld
        /// Its partition has no policy for it.
        case none
        /// The owner is away: a bolt of another partition tells what it keeps of the owner's. It is no proof of
        /// freshness.
        case covered
    }

    /// How the two compare.
    public var state: State
    /// Sequence of the head that is meant; 0 where there is none.
    public var sequence: UInt64
    /// A grant's encoding, at most `PolicyLimits.grantBytesMax` bytes; only of one that the envoy does not hold.
    public var grant: Base64Bytes?
    /// The sealed secrets that the grant's leaf names, with the grant; absent where it names none.
    public var box: Base64Bytes?
    /// A signed beacon's encoding: that nothing newer is in force. The owner alone has one.
    public var beacon: Base64Bytes?
    /// A signed order's encoding, to this envoy; it comes until the order's time is over.
    public var order: Base64Bytes?
    /// The push that the order is of, with the order: the pass that obeys it names it. Nothing else hangs on it.
    public var push: PrincipalID?
    /// Digest of the body that the grant's leaf names, with the grant: to be fetched where the envoy lacks it.
    public var body: Bytes32?
    /// Why it is as it is, in words; only of `withheld` and `none`.
    public var reason: String?
    /// What the roster says of the machine now: templates name it. Absent where the bolt does not say; the envoy then
    /// goes on with what it was told last.
    public var machine: CheckInMachine?

    /// What is said of policy.
    public init(
        state: State, sequence: UInt64, grant: Base64Bytes? = nil, box: Base64Bytes? = nil,
        beacon: Base64Bytes? = nil, order: Base64Bytes? = nil, push: PrincipalID? = nil, body: Bytes32? = nil,
        reason: String? = nil, machine: CheckInMachine? = nil
    ) {
        (self.state, self.sequence, self.grant, self.box) = (state, sequence, grant, box)
        (self.beacon, self.order, self.push) = (beacon, order, push)
        (self.body, self.reason, self.machine) = (body, reason, machine)
    }
}

/// A machine as the roster has it.
public struct CheckInMachine: Hashable, Sendable, Codable {
    /// What people call it.
    public var name: PrincipalName
    /// Its part of the fleet.
    public var group: GroupName?
    /// Its labels.
    public var labels: [String: String]

    /// A machine.
    public init(name: PrincipalName, group: GroupName?, labels: [String: String]) {
        (self.name, self.group, self.labels) = (name, group, labels)
    }
}

/// `GET /v1/policy/wait?held=DIGEST&order=N`: answered as soon as the envoy is to have another leaf than `held`, or an
/// order after the `order`th is there; else 204 without a body after at most `APILimits.policyWaitSecondsMax`.
public struct PolicyWaitResponse: Hashable, Sendable, Codable {
    /// True: the envoy is to report at once.
    public var changed: Bool

    /// There is something new.
    public init(changed: Bool) { self.changed = changed }
}

/// What a git forge tells of a push: `POST /v1/policy/webhook`, with the HMAC-SHA256 of the body under the webhook's
/// secret in `X-Hub-Signature-256: sha256=HEX`. It only says that looking is worth while: nothing in it is believed.
public struct PolicyWebhookRequest: Hashable, Sendable, Codable {
    /// What was pushed, `refs/heads/main`. The source is looked at where it is absent, or is the source's branch.
    public var ref: String?

    /// What a forge tells.
    public init(ref: String?) { self.ref = ref }
}

/// `POST /v1/peer/policy/wake`, bolts of the same partition only: a forge called a bolt that does not look at the
/// source itself. It only says that looking is worth while, and is never passed on again.
public struct PeerPolicyWakeRequest: Hashable, Sendable, Codable {
    /// Whose source is meant.
    public var partition: PartitionName

    /// A partition's source is to be looked at.
    public init(partition: PartitionName) { self.partition = partition }
}

/// What came of a forge's word.
public struct PolicyWebhookResponse: Hashable, Sendable, Codable {
    /// Whether the source is looked at now, by the partition's primary; false for another branch.
    public var accepted: Bool

    /// What came of it.
    public init(accepted: Bool) { self.accepted = accepted }
}
