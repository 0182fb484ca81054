public import BoltAPI

/// Why a request got no usable answer.
public struct ClientError: Error, Sendable, CustomStringConvertible {
    /// The stable kinds.
    public enum Kind: String, Sendable {
        /// No bolt could be reached, or none answered in time.
        case unreachable = "unreachable"
        /// What answered is no bolt of this mesh.
        case notOurMesh = "not_our_mesh"
        /// The bolt refused our certificate during the handshake.
        case identityRefused = "identity_refused"
        /// The bolt answered with a problem.
        case problem = "problem"
        /// The answer is not what the API promises.
        case badAnswer = "bad_answer"
        /// An address or identity that cannot be used; nothing was sent.
        case badArgument = "bad_argument"
    }

    /// One address that was tried, and what came of it.
    public struct Attempt: Sendable, Hashable, Codable {
        /// `host:port`.
        public let address: String
        /// What came of it.
        public let reason: String

        /// An address and what came of it.
        public init(address: String, reason: String) { (self.address, self.reason) = (address, reason) }
    }

    /// The kind.
    public let kind: Kind
    /// What failed, in one line.
    public let detail: String
    /// The addresses tried without an answer before this.
    public let attempts: [Attempt]
    /// What the bolt answered, where it did.
    public let problem: Problem?
    /// When the bolt asked to be tried again.
    public let retryAfter: Duration?
    /// Whether the request may have been carried out although no answer came.
    public let mayHaveChanged: Bool

    init(
        _ kind: Kind, _ detail: String, attempts: [Attempt] = [], problem: Problem? = nil,
        retryAfter: Duration? = nil, mayHaveChanged: Bool = false
    ) {
        (self.kind, self.detail, self.attempts) = (kind, detail, attempts)
        (self.problem, self.retryAfter, self.mayHaveChanged) = (problem, retryAfter, mayHaveChanged)
    }

    /// How a program ends on it.
    public var exitStatus: ExitStatus {
        switch kind {
        case .unreachable, .notOurMesh: .unavailable
        case .identityRefused: .notPermitted
        case .problem: problem?.exitStatus ?? .error
        case .badAnswer: .error
        case .badArgument: .usage
        }
    }

    /// The stable code: the problem's where there is one.
    public var code: String { problem?.code.rawValue ?? kind.rawValue }

    /// What the reader can do.
    public var next: String {
        switch kind {
        case .unreachable: "check that a bolt runs there, or name others with --bolt"
        case .notOurMesh: "check the address and that the identity is of this mesh"
        case .identityRefused: "use an identity of this mesh that is in force"
        case .problem: problem.map { Self.timed($0.next, retryAfter) } ?? "look in the bolt's log"
        case .badAnswer: "check that client and bolt have compatible versions"
        case .badArgument: "correct the argument"
        }
    }

    /// What to do next, for people: how long to wait instead of the name of the header that says it.
    static func timed(_ next: String, _ retryAfter: Duration?) -> String {
        let seconds = retryAfter.map { "\(max(1, $0.components.seconds)) s" }
        return next.replacing("after Retry-After", with: seconds.map { "in \($0)" } ?? "in a moment")
            .replacing("as long as Retry-After says", with: seconds ?? "a moment")
    }

    /// What failed, and where it was tried.
    public var description: String {
        // An attempt that came to the very detail tells nothing more.
        let others = attempts.filter { $0.reason != detail }
        guard !others.isEmpty else { return detail }
        return detail + " (" + others.map { "\($0.address): \($0.reason)" }.joined(separator: "; ") + ")"
    }
}
