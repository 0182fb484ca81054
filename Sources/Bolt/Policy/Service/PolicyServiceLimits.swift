/// Bounds of the shell around a partition's policy.
enum PolicyServiceLimits {
    /// Pause between two looks; versions that nobody waits for are this far apart at least.
    static let lookInterval: Duration = .seconds(1)
    /// Envoys that one turn looks at before others have theirs.
    static let envoysPerTurn = 512
    /// Bytes of commands that are written together.
    static let writeBytes = 2 * 1024 * 1024
    /// Commands that are written together: one record holds them all where they are small.
    static let writeCommands = 512
    /// Bytes of leaves with their boxes in one command.
    static let leavesBytes = 192 * 1024
    /// How long a version waits for a standby to have it.
    static let safeWait: Duration = .seconds(5)
    /// Versions that can be rolled back to.
    static let versionsKept = 50
    /// Bytes of bodies that are kept at hand: a new version is fetched by many at once.
    static let bodyCacheBytes = 16 * 1024 * 1024
    /// Time after which an envoy that was given a version and told nothing holds up nobody any more.
    static let silence: Duration = .seconds(900)
    /// Outcomes that are written together.
    static let outcomesMax = 256
    /// Envoys of one push: how far it is has to fit into one record of the journal.
    static let pushEnvoysMax = 200_000
    /// Seconds after which an envoy of a batch counts as failed, where the operator does not say.
    static let pushPatienceSeconds: UInt64 = 300
    /// Envoys with nothing that are given the version before their turn, in one look.
    static let bareMax = 4096
    /// Results of one check-in that are looked at for how a version went, the last ones.
    static let passesPerCheckIn = 8
    /// Tellings of passes that are held until they are counted.
    static let tellingsMax = 1_024
    /// Troubles of envoys that are told by name.
    static let troublesShown = 20
    /// Stacks of which it is remembered what is in them.
    static let stackFactsMax = 256
    /// Stacks that operators have judged at once: reading one takes a processor for a second.
    static let judgingMax = 2
    /// Requests to judge a stack that wait for their turn: each holds all files of one.
    static let judgingWaitingMax = 16
    /// How long a request waits for a bolt that was just promoted.
    static let readyWait: Duration = .seconds(3)
    /// Pause before a version that was refused is tried again.
    static let retryPause: Duration = .seconds(5)
    /// Longest time between two looks at secrets, whoever told of a change.
    static let secretsInterval: Duration = .seconds(60)
}
