/// Where and how a policy is put in force.
public struct ConvergenceOptions: Sendable {
    /// The directory below which all paths of resources lie: `/`, or a scratch directory.
    public var root: String
    /// A directory of the agent's own, of mode 0700: its lock, and the log of what is unfinished. It has to be there.
    public var stateDirectory: String
    /// Whether nothing is to be changed. Conditions of commands and plans of handlers are run all the same.
    public var isDryRun: Bool
    /// Whether disruptive resources have to wait: they are planned, and named.
    public var safeOnly: Bool
    /// Directories with handlers, absolute; the first that has one of a type counts.
    public var handlers: [String]
    /// Where programs are looked for, and what commands and handlers get as `PATH`.
    public var searchPath: [String]
    /// Bounds.
    public var limits: ConvergenceLimits
    /// Called at each step of a change, with the path or id; for tests that end the process there.
    var atStep: @Sendable (ChangeStep, String) -> Void = { _, _ in }

    /// Where a machine has its programs.
    public static let usualSearchPath = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// Options.
    public init(
        root: String, stateDirectory: String, isDryRun: Bool = false, safeOnly: Bool = false, handlers: [String] = [],
        searchPath: [String] = ConvergenceOptions.usualSearchPath, limits: ConvergenceLimits = ConvergenceLimits()
    ) {
        (self.root, self.stateDirectory, self.isDryRun) = (root, stateDirectory, isDryRun)
        (self.safeOnly, self.handlers) = (safeOnly, handlers)
        (self.searchPath, self.limits) = (searchPath, limits)
    }
}

/// A step of a change, in the order in which a file takes them. A process may end at any of them: what it changes is
/// whole before and after, and the next run finishes.
enum ChangeStep: String, CaseIterable, Sendable {
    /// What is to be notified is remembered.
    case noted
    /// The name of the temporary neighbour is remembered.
    case temporaryNoted
    /// The temporary neighbour is there, empty.
    case temporaryMade
    /// Half of the content is written.
    case halfWritten
    /// All of it is.
    case written
    /// Owner, group and mode are set.
    case owned
    /// The content is durable.
    case synced
    /// All is ready; what is at the path is looked at again after this.
    case ready
    /// It is in its place.
    case placed
    /// And that is durable.
    case placeSynced
    /// A temporary neighbour that is a directory is there, and not yet what it shall be.
    case directoryMade
    /// One name of several is removed.
    case nameRemoved
    /// A command ended.
    case commandEnded
    /// A notified resource is about to be refreshed.
    case refreshing
    /// It was, and that is not yet remembered.
    case refreshed
}
