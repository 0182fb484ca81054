/// Bounds of what a pass reads, shows and waits for.
public struct ConvergenceLimits: Sendable {
    /// Bytes of a file that are read to show how it differs; of a longer one the sizes are told.
    public var diffInputBytesMax = 256 * 1_024
    /// Lines of a difference that are shown.
    public var diffLinesMax = 100
    /// Bytes of a difference that are shown.
    public var diffBytesMax = 8 * 1_024
    /// Bytes that are kept of what a command prints: the last ones.
    public var outputKeptBytesMax = 256 * 1_024
    /// Bytes that are shown of it.
    public var outputShownBytesMax = 2 * 1_024
    /// Bytes of a handler's answer; one that prints more is ended.
    public var answerBytesMax = 256 * 1_024
    /// Seconds that a program may go on after it was asked to end, before it is ended.
    public var endSeconds = 2
    /// The same where it is asked since the pass is to end: it did nothing wrong, and a package manager that is in the
    /// midst of something may get to its end. Well within the time that the unit grants the agent.
    public var cancelSeconds = 30
    /// Milliseconds in which the output of a program has to close after its end.
    public var closeMilliseconds = 500
    /// Names that one removal of a directory takes away.
    public var removedEntriesMax = 100_000
    /// Symbolic links that one path may lead through.
    public var linksMax = 16

    /// The bounds of an agent.
    public init() {}
}

/// Bounds that nothing has to set.
enum FixedLimits {
    /// Depth of a directory that is removed: each level holds a descriptor.
    static let removedDepthMax = 128
    /// Bytes of the log of what is unfinished: it is rewritten at the end of a pass where it is longer.
    static let memoryBytesMax = 64 * 1_024
    /// Bytes that are read of it.
    static let memoryReadBytesMax = 16 * 1_024 * 1_024
    /// Bytes of a symbolic link's target.
    static let linkTargetBytesMax = 4_095
    /// Characters of a shown line.
    static let shownLineMax = 200
    /// Bytes of a name or a reason that is shown.
    static let shownReasonMax = 600
    /// Shortest form of a secret that is looked for by its beginning; one that is shorter hides a whole text.
    static let secretFormBytesMin = 4
}
