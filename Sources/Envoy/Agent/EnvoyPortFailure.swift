/// Why a report brought nothing: for the agent, what to do next; for people, what a bolt said. Nothing was stored and
/// nothing is deleted.
public struct EnvoyPortFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What it means for what to do next.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// Not reached, no answer in time, or an answer that says "later": another bolt may do.
        case unavailable
        /// The mesh refuses this envoy: removed, banned, unknown or with an expired certificate.
        case refused
        /// The bolt did not understand the request: a fault of one side's version.
        case rejected
        /// The owner has something else of this queue than what it was told.
        case contradicted
    }

    /// What it means.
    public var kind: Kind
    /// The stable code, as `docs/errors.md` lists it.
    public var code: String
    /// What failed and why, for people.
    public var reason: String
    /// What the reader can do.
    public var next: String
    /// The least wait that the bolt asks for.
    public var retryAfter: Duration?

    /// A failure.
    public init(_ kind: Kind, code: String, reason: String, next: String, retryAfter: Duration? = nil) {
        (self.kind, self.code, self.reason, self.next) = (kind, code, reason, next)
        self.retryAfter = retryAfter
    }

    /// The reason and the code.
    public var description: String { "\(reason) [\(code)]" }

    /// An answer under an authority that a newer one took over from (P2).
    static func superseded(at address: String) -> EnvoyPortFailure {
        EnvoyPortFailure(
            .unavailable, code: "superseded_owner", reason: "\(address) answers under a superseded authority",
            next: "nothing to do: another bolt is asked; look at that one's log if it goes on")
    }

    /// An answer of an owner that does not prove itself (P2).
    static func unproved(at address: String) -> EnvoyPortFailure {
        EnvoyPortFailure(
            .unavailable, code: "unproved_owner",
            reason: "\(address) answers as an owner that this machine has not seen, and does not prove it",
            next: "nothing to do: another bolt is asked; if it goes on, compare the bolts: boltctl slice verify")
    }
}
