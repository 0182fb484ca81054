/// An error as every endpoint answers it: RFC 9457 `application/problem+json`.
public struct Problem: Error, Hashable, Sendable, Codable {
    /// The media type of its JSON.
    public static let contentType = "application/problem+json"

    /// A stable kind of error; `docs/errors.md` lists them all.
    public struct Code: RawRepresentable, Hashable, Sendable, Codable {
        /// Lower case, words joined by underscores.
        public let rawValue: String
        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// A URI reference that names the kind: `/errors#code`.
    public var type: String
    /// The kind in a few words, the same for every occurrence.
    public var title: String
    /// The HTTP status that it came with.
    public var status: Int
    /// What failed and why, this time. Never a secret, never the input itself.
    public var detail: String
    /// The stable kind.
    public var code: Code
    /// Whether anything was changed before it failed.
    public var changed: Bool
    /// What the caller can do next.
    public var next: String

    /// A problem of a kind; the status is the kind's own unless given.
    public init(_ code: Code, _ detail: String, status: Int? = nil, changed: Bool = false, next: String? = nil) {
        let entry = code.entry
        self.type = "/errors#\(code.rawValue)"
        self.title = entry.title
        self.status = status ?? entry.status
        self.detail = detail
        self.code = code
        self.changed = changed
        self.next = next ?? entry.next
    }

    /// The caller's key is banned; `reason` is what the operator gave, if anything.
    public static func banned(reason: String) -> Problem {
        Problem(.banned, reason.isEmpty ? "the key is banned" : "the key is banned: \(reason)")
    }

    /// How a program ends that got this answer.
    public var exitStatus: ExitStatus {
        switch (status, code) {
        case (_, let code)
        where code == .refusedBySafetyRule || Problem.Code.safetyRefusals.contains(code)
            || Problem.Code.sliceRefusals.contains(code) || Problem.Code.policyRefusals.contains(code):
            .refused
        case (401, _), (403, _): .notPermitted
        case (503, .ownerUnreachable), (503, .notReady), (503, .draining), (503, .noPrimary), (503, .boltRemoved):
            .unavailable
        default: .error
        }
    }
}
