/// How a program of ours ends, as scripts see it.
public enum ExitStatus: Int32, Sendable, CaseIterable {
    /// Done.
    case done = 0
    /// An error that no other code names.
    case error = 1
    /// A plan or a comparison found differences.
    case changes = 2
    /// Accepted, still running.
    case running = 3
    /// Refused by a safety rule; nothing was changed.
    case refused = 4
    /// Done, but redundancy is not yet restored.
    case redundancy = 5
    /// The command line was wrong.
    case usage = 64
    /// Nothing could be reached.
    case unavailable = 69
    /// The identity is not permitted to do this.
    case notPermitted = 77
}
