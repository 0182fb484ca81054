internal import Spanner

/// Why something of policy was not taken, or not put in force: what went before stays as it is.
public struct PolicyTrouble: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The stable name of a kind of trouble; a row of `docs/errors.md`.
    public struct Code: RawRepresentable, Hashable, Sendable, Codable {
        /// The name itself: lower case, words joined by underscores.
        public let rawValue: String

        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// The stable kind.
    public var code: Code
    /// What and why.
    public var reason: String
    /// What the reader can do.
    public var next: String
    /// Of a version that is its owner's and could not be taken: its number.
    public var sequence: UInt64?

    /// A trouble.
    public init(_ code: Code, _ reason: String, next: String, sequence: UInt64? = nil) {
        (self.code, self.reason, self.next, self.sequence) = (code, reason, next, sequence)
    }

    /// The reason, what to do, the code.
    public var description: String { "\(reason); \(next) [\(code.rawValue)]" }

    private static let passing = "nothing to do: what was in force stays; look at that bolt's log if it goes on"

    /// Why `what`, told by the bolt at `address`, was refused.
    init(_ refusal: PolicyRefusal, of what: String, from address: String) {
        let (code, why): (Code, String) =
            switch refusal {
            case .forged: (.forged, "no key of the owner signed it, or it was changed on its way")
            case .otherEnvoy: (.otherEnvoy, "it is for another machine")
            case .otherPartition: (.otherPartition, "it is of a partition that does not own this machine")
            case .superseded: (.superseded, "it is of an epoch that a later one took over from")
            case .replayed: (.replayed, "it is older than what was taken before")
            case .malformed(let failure): (.malformed, "it cannot be read: \(failure)")
            case .expired: (.orderExpired, "it was to be begun earlier")
            }
        self.init(code, "\(what) from \(address) was refused: \(why)", next: Self.passing)
    }

    /// A body or a box that is not the one that the signed leaf names.
    static func mismatch(_ head: PolicyHead, from address: String, _ why: String) -> PolicyTrouble {
        PolicyTrouble(
            .mismatch, "the policy \(head.revision) from \(address) was refused: \(why)", next: passing,
            sequence: head.sequence)
    }

    /// The body could not be fetched.
    static func unfetched(_ failure: EnvoyPortFailure) -> PolicyTrouble {
        PolicyTrouble(
            .unfetched, "the new policy could not be fetched: \(failure)",
            next: "nothing to do: it is tried again with the next check-in")
    }

    /// What was kept is not what was written.
    static func damaged(_ why: String) -> PolicyTrouble {
        PolicyTrouble(
            .damaged, "the policy that was kept on this machine is damaged: \(why)",
            next: "nothing to do: it is fetched anew; look at the machine's disk")
    }

    /// What was kept was written by another build, in another form.
    static let outdated = PolicyTrouble(
        .outdated,
        "the policy that was kept on this machine is in a form that this build does not read: another one wrote it",
        next: "nothing to do: it is fetched anew with the next check-in, and until then nothing is applied")

    /// The owner wants nothing done by a policy of this age.
    static let stopped = PolicyTrouble(
        .expired, "the policy is older than it may be, and says that nothing is to be applied then",
        next: "bring a bolt of the mesh back within reach; or change the stack's expiry")
}

extension PolicyTrouble.Code {
    /// No key of the owner signed it, or it was changed on its way.
    public static let forged = Self(rawValue: "policy_forged")
    /// It is for another machine.
    public static let otherEnvoy = Self(rawValue: "policy_other_envoy")
    /// It is of a partition that does not own this machine.
    public static let otherPartition = Self(rawValue: "policy_other_partition")
    /// It is of an epoch that a later one took over from.
    public static let superseded = Self(rawValue: "policy_superseded")
    /// It is older than what was taken before, or another thing under the same number.
    public static let replayed = Self(rawValue: "policy_replayed")
    /// It cannot be read.
    public static let malformed = Self(rawValue: "policy_malformed")
    /// An order that was to be begun earlier.
    public static let orderExpired = Self(rawValue: "policy_order_expired")
    /// A body or a box that is not the one that the signed leaf names, or not for this machine's key.
    public static let mismatch = Self(rawValue: "policy_mismatch")
    /// Nobody gave the body.
    public static let unfetched = Self(rawValue: "policy_unfetched")
    /// What was kept on the machine is not what was written.
    public static let damaged = Self(rawValue: "policy_cache_damaged")
    /// What was kept on the machine was written by another build, in another form.
    public static let outdated = Self(rawValue: "policy_cache_outdated")
    /// The policy is older than it may be, and nothing is to be applied then.
    public static let expired = Self(rawValue: "policy_expired")
}
