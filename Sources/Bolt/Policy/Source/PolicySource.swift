internal import Spanner

/// All files of a stack as a source has them at one revision.
struct PolicySnapshot: Hashable, Sendable {
    /// What the source calls the revision: a commit, or a digest of a folder; at most
    /// `PolicyLimits.revisionBytesMax` bytes.
    let revision: String
    /// Every file, within the limits of `PolicyFiles`.
    let files: PolicyFiles
}

/// Where the stacks of a partition come from.
///
/// One owner at a time reads it. Every read blocks: for the disk, or for a program with a time limit.
protocol PolicySource: AnyObject, Sendable {
    /// Where, in words for status and logs; no password that may stand in an address.
    var words: String { get }

    /// The stack as it is now; nil where its revision still is `known`. What was read before stays what it was,
    /// whatever this throws.
    func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot?

    /// A read that is under way, and each later one, may fail soon: this bolt ends. From any thread.
    func end()
}

extension PolicySource {
    /// Nothing, where reads are short.
    func end() {}
}

/// Why a source could not be read. The last good revision stays in force.
struct PolicySourceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind, as the catalogue of errors lists it.
    enum Code: String, Hashable, Sendable, CaseIterable {
        /// The remote does not answer, or not in time, or refuses this bolt.
        case unreachable = "policy_source_unreachable"
        /// The folder, the branch or the folder in the repository is not there.
        case missing = "policy_source_missing"
        /// What is there cannot be a stack: too large, a link that leads out, no regular file.
        case unfit = "policy_source_unfit"
        /// The folder changed with every look at it.
        case changing = "policy_source_changing"
        /// The program `git` is missing or failed, or the disk did.
        case failed = "policy_source_failed"
    }

    /// The kind.
    let code: Code
    /// What was attempted.
    let what: String
    /// Why it failed; bounded, and without passwords.
    let why: String
    /// What to do.
    let next: String

    /// One line.
    var description: String { "\(what): \(why) (the last good revision stays in force); \(next) [\(code.rawValue)]" }
}

/// What the partition made of a snapshot.
enum PolicyVerdict: Hashable, Sendable {
    /// It is in force, or it was already.
    case accepted
    /// It is no stack: its first fault in words. It is offered again when its revision is another; where its roll-out
    /// would block itself with each look, as machines come and go.
    case refused(code: String, reason: String)
    /// Not now: this bolt does not reign, the vault is sealed, the policy is frozen. It is offered again.
    case later(String)
}

/// What is known of a source, for status, metrics and alarms.
struct PolicySourceStatus: Hashable, Sendable {
    /// Where; nil where there is none.
    var words: String?
    /// The last revision that was accepted in this life of the process.
    var revision: String?
    /// The last revision that was read, accepted or not; it is not what is in force where a freeze holds it back.
    var newest: String?
    /// When the source was last found to have an accepted revision.
    var goodAt: WallTime?
    /// How long ago that is, in seconds; from the start of the process where it never was.
    var ageSeconds: UInt64 = 0
    /// What failed since, if something did.
    var error: Failure?
    /// How often in a row.
    var failures: UInt64 = 0
    /// What an accepted revision waits for.
    var waitsFor: String?
    /// Whether the age is over `policy.stale_seconds`.
    var isStale = false
    /// Where, without the kind that the words begin with.
    var place: String? { words.map { $0.split(separator: " ", maxSplits: 1).last.map(String.init) ?? $0 } }

    /// What failed last.
    struct Failure: Hashable, Sendable {
        /// The code of the source's error, or of the stack's fault.
        var code: String
        /// In words.
        var reason: String
        /// The revision that was refused; nil where none could be read.
        var revision: String?
        /// Since when it is so.
        var since: WallTime
    }
}
