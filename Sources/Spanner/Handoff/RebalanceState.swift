/// What the journal says of a task: a fold over its records. Which slices have moved it does not say: the registers do.
public struct RebalanceState: Hashable, Sendable {
    /// What is wanted of it.
    public enum Phase: UInt8, Hashable, Sendable {
        /// Slices go where the job says.
        case moving
        /// What was moved goes back.
        case reversing
        /// What is in flight ends; nothing more begins.
        case cancelling
        /// Over.
        case ended
    }

    /// What is known of the attempts at one move, in the present direction.
    public struct Attempts: Hashable, Sendable {
        /// How many began.
        public internal(set) var began: UInt32 = 0
        /// Whether the last of them is still open, as far as the journal says.
        public internal(set) var isOpen = false
        /// Whether the last of them leads back. One that leads the wrong way since the task was reversed is cancelled
        /// first.
        public internal(set) var isBack = false
        /// How many came to nothing since an operator last let the task go on.
        public internal(set) var failures = 0
        /// Why the last did.
        public internal(set) var reason: String?
        /// Since when it does not get on, by the clock of whoever drove it then; nil where it does not fail.
        public internal(set) var failingSince: WallTime?

        /// An operator wants it to be tried anew.
        mutating func forgive() { (failures, failingSince) = (0, nil) }
    }

    /// What is to be done.
    public let job: RebalanceJob
    /// What is wanted.
    public private(set) var phase: Phase = .moving
    /// Whether an operator holds it.
    public private(set) var isPaused = false
    /// Whether it was reversed, ever: a cancelled reverse ends where it stands.
    public private(set) var isReversed = false
    /// Whether it was cancelled, in the present direction: what never was ends only when nothing is left to be done.
    public private(set) var isCancelled = false
    /// What it may take.
    public private(set) var limits: HandoffBudget.Limits
    /// By the moves' numbers.
    public private(set) var attempts: [Attempts]

    /// A task as `planned` begins it.
    public init(job: RebalanceJob, limits: HandoffBudget.Limits) {
        (self.job, self.limits) = (job, limits)
        attempts = Array(repeating: Attempts(), count: job.moves.count)
    }

    /// Takes a record; one that the phase does not allow changes nothing.
    public mutating func apply(_ record: RebalanceRecord) {
        // What is over can still be put back.
        guard phase != .ended || record == .reversed else { return }
        switch record {
        case .planned: break
        case .paused: isPaused = true
        case .resumed:
            isPaused = false
            // Whoever lets it go on wants what was stuck to be tried again.
            for index in attempts.indices { attempts[index].forgive() }
        case .throttled(let limits): self.limits = limits
        case .cancelled: (phase, isCancelled) = (.cancelling, true)
        case .reversed:
            guard !isReversed else { return }
            (phase, isReversed, isCancelled, isPaused) = (.reversing, true, false, false)
            for index in attempts.indices { attempts[index].forgive() }
        case .began(let move, let attempt): begin(move, attempt)
        case .beganTogether(let begun): for one in begun { begin(one.move, one.attempt) }
        case .failed(let move, let attempt, let reason, let since):
            guard let index = self.index(move), attempts[index].isOpen, attempts[index].began > 0,
                attempt == attempts[index].began - 1
            else { return }
            attempts[index].isOpen = false
            attempts[index].failures += 1
            (attempts[index].reason, attempts[index].failingSince) = (reason, since)
        case .ended: phase = .ended
        // It says nothing of the moves: whoever keeps the records drops them.
        case .forgotten: break
        }
    }

    private mutating func begin(_ move: UInt32, _ attempt: UInt32) {
        guard let index = index(move), attempt == attempts[index].began else { return }
        attempts[index].began += 1
        (attempts[index].isOpen, attempts[index].isBack) = (true, isReversed)
    }

    private func index(_ move: UInt32) -> Int? { Int(move) < attempts.count ? Int(move) : nil }
}

/// How a task stands, for operators. All counts are of what is, not of what was planned to be.
public struct RebalanceStatus: Hashable, Sendable {
    /// A move that does not get on.
    public struct Stuck: Hashable, Sendable {
        /// Its number in the job.
        public let move: UInt32
        /// The slice.
        public let slice: SliceID
        /// Since when, by the driving primary's monotonic clock.
        public let since: Duration
        /// Why, in words.
        public let reason: String
    }

    /// What is wanted.
    public internal(set) var phase: RebalanceState.Phase
    /// Whether an operator holds it.
    public internal(set) var isPaused: Bool
    /// Moves in all.
    public internal(set) var moves = 0
    /// Slices that are where they should be.
    public internal(set) var done = 0
    /// Slices on their way.
    public internal(set) var inFlight = 0
    /// Slices that failed too often, and wait for an operator; all of them.
    public internal(set) var givenUp = 0
    /// Slices that somebody else moved elsewhere since the plan was made: they are left alone.
    public internal(set) var overtaken = 0
    /// Envoys in all, and in slices that are where they should be.
    public internal(set) var envoys: UInt64 = 0
    /// Envoys in slices that are where they should be.
    public internal(set) var envoysDone: UInt64 = 0
    /// Bytes in all.
    public internal(set) var bytes: UInt64 = 0
    /// Bytes that are where they should be, those of slices in flight included.
    public internal(set) var bytesDone: UInt64 = 0
    /// When it will be over at the rate so far; nil before there is one that says something.
    public internal(set) var remaining: Duration?
    /// What does not get on, oldest first.
    public internal(set) var stuck: [Stuck] = []

    init(phase: RebalanceState.Phase, isPaused: Bool) { (self.phase, self.isPaused) = (phase, isPaused) }
}
