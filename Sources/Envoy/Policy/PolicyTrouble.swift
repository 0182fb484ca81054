internal import Spanner

/// Why something of policy was not taken, or not put in force: what went before stays as it is.
public struct PolicyTrouble: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// Stable; a row of `docs/errors.md`.
    public var code: String
    /// What and why.
    public var reason: String
    /// What the reader can do.
    public var next: String
    /// Of a version that is its owner's and could not be taken: its number.
    public var sequence: UInt64?

    /// A trouble.
    public init(_ code: String, _ reason: String, next: String, sequence: UInt64? = nil) {
        (self.code, self.reason, self.next, self.sequence) = (code, reason, next, sequence)
    }

    /// The reason, what to do, the code.
    public var description: String { "\(reason); \(next) [\(code)]" }

    private static let passing = "nothing to do: what was in force stays; look at that bolt's log if it goes on"

    /// Why `what`, told by the bolt at `address`, was refused.
    init(_ refusal: PolicyRefusal, of what: String, from address: String) {
        let (code, why): (String, String) =
            switch refusal {
            case .forged: ("policy_forged", "no key of the owner signed it, or it was changed on its way")
            case .otherEnvoy: ("policy_other_envoy", "it is for another machine")
            case .otherPartition: ("policy_other_partition", "it is of a partition that does not own this machine")
            case .superseded: ("policy_superseded", "it is of an epoch that a later one took over from")
            case .replayed: ("policy_replayed", "it is older than what was taken before")
            case .malformed(let failure): ("policy_malformed", "it cannot be read: \(failure)")
            case .expired: ("policy_order_expired", "it was to be begun earlier")
            }
        self.init(code, "\(what) from \(address) was refused: \(why)", next: Self.passing)
    }

    /// A body or a box that is not the one that the signed leaf names.
    static func mismatch(_ head: PolicyHead, from address: String, _ why: String) -> PolicyTrouble {
        PolicyTrouble(
            "policy_mismatch", "the policy \(head.revision) from \(address) was refused: \(why)", next: passing,
            sequence: head.sequence)
    }

    /// The body could not be fetched.
    static func unfetched(_ failure: EnvoyPortFailure) -> PolicyTrouble {
        PolicyTrouble(
            "policy_unfetched", "the new policy could not be fetched: \(failure)",
            next: "nothing to do: it is tried again with the next check-in")
    }

    /// What was kept is not what was written.
    static func damaged(_ why: String) -> PolicyTrouble {
        PolicyTrouble(
            "policy_cache_damaged", "the policy that was kept on this machine is damaged: \(why)",
            next: "nothing to do: it is fetched anew; look at the machine's disk")
    }

    /// The owner wants nothing done by a policy of this age.
    static let stopped = PolicyTrouble(
        "policy_expired", "the policy is older than it may be, and says that nothing is to be applied then",
        next: "bring a bolt of the mesh back within reach; or change the stack's expiry")
}
