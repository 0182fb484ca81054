extension EnvoyMachine {
    /// What happened outside.
    public enum Event: Sendable {
        /// The agent runs.
        case started
        /// Answers `Effect.schedule`; an older number is ignored.
        case timerFired(Int)
        /// What the queues hold now, durably: before an answer is told, after a release, a new result or a start over.
        case held(HeldQueues)
        /// Answers `Effect.checkIn`.
        case answered(Answer)
        /// Answers `Effect.checkIn`: it failed or was refused.
        case failed(Failure)
    }

    /// What is to be done outside, in this order.
    public enum Effect: Hashable, Sendable {
        /// Check in with the bolt at this place of the list, with results of this queue after a sequence; answered by
        /// `answered` or `failed`.
        case checkIn(server: Int, queue: QueueID, after: UInt64)
        /// Fire timer `number` after this long; answered by `timerFired`.
        case schedule(Int, after: Duration)
        /// Delete what is safe elsewhere; answered by `held`.
        case release(QueueID, through: UInt64)
        /// Go on under a new queue that takes along all that is held; answered by `held`.
        case startOver
        /// Keep this fence durably before anything under it is acted upon.
        case remember(Fence)
        /// Something to be told.
        case notify(Notification)
    }

    /// The highest authority seen: an answer under a lower one is not obeyed.
    public struct Fence: Hashable, Comparable, Sendable {
        /// How many owners the envoy followed: see `OwnerSight`.
        public var register: UInt64
        /// The partition's epoch.
        public var epoch: UInt64
        /// An authority.
        public init(register: UInt64, epoch: UInt64) { (self.register, self.epoch) = (register, epoch) }
        /// By register, then epoch.
        public static func < (left: Fence, right: Fence) -> Bool {
            (left.register, left.epoch) < (right.register, right.epoch)
        }
    }

    /// What a check-in brought back.
    public struct Answer: Hashable, Sendable {
        /// Stored at the owner up to here, or kept for it, as whoever answers says.
        public var storedThrough: UInt64
        /// Safe up to here, as whoever answers says.
        public var releaseThrough: UInt64
        /// The last result that the report told; where it told none, what it was asked to begin after.
        public var toldThrough: UInt64
        /// Whether it is the owner's word on this very report: then the owner compared what was told with what it has,
        /// and found it the same. What others say deletes nothing.
        public var isOwners: Bool
        /// Who says so.
        public var fence: Fence
        /// When the owner wants to hear again.
        public var nextInterval: Duration
        /// How many bolts the list now has.
        public var servers: Int
        /// How many of them, the first ones, are the owner's; 0 where it is all the same who is asked.
        public var home: Int

        /// An answer.
        public init(
            storedThrough: UInt64, releaseThrough: UInt64, toldThrough: UInt64, isOwners: Bool, fence: Fence,
            nextInterval: Duration, servers: Int, home: Int = 0
        ) {
            (self.storedThrough, self.releaseThrough, self.fence) = (storedThrough, releaseThrough, fence)
            (self.toldThrough, self.isOwners) = (toldThrough, isOwners)
            (self.nextInterval, self.servers, self.home) = (nextInterval, servers, home)
        }
    }

    /// Why a check-in brought nothing.
    public enum Failure: Hashable, Sendable {
        /// No answer, or one that says "later": another bolt may do.
        case unavailable(retryAfter: Duration?)
        /// The roster refuses this envoy: asking elsewhere changes nothing, so it is asked slowly.
        case refused
        /// What was told does not fit what the owner has of the queue.
        case contradicted
    }

    /// For the shell to log.
    public enum Notification: Hashable, Sendable {
        /// An answer under an authority that was superseded; nothing of it was obeyed.
        case staleAnswer(Fence, seen: Fence)
        /// Every bolt failed; waiting that long.
        case allServersFailed(attempts: Int, wait: Duration)
        /// The owner acknowledges more than was ever queued: this queue is an older copy of itself.
        case acknowledgedTooMuch(UInt64, last: UInt64)
        /// The owner has other results under the same numbers: this queue is an older copy, or another envoy's.
        case contradicted(QueueID)
        /// The roster refuses this envoy; waiting that long.
        case refused(wait: Duration)
        /// The first success after failures.
        case recovered(afterFailures: Int)
    }

    /// Bounds of the agent's patience.
    public struct Limits: Hashable, Sendable {
        /// Longest first wait after all bolts failed; doubles with each round.
        public var backoffFirst: Duration = .seconds(1)
        /// Longest wait ever.
        public var backoffMax: Duration = .seconds(300)
        /// Wait between attempts of an envoy that the roster refuses.
        public var refusedWait: Duration = .seconds(60)
        /// Shortest time between check-ins that an owner may ask for.
        public var intervalMin: Duration = .milliseconds(100)
        /// Longest time between check-ins that an owner may ask for.
        public var intervalMax: Duration = .seconds(3600)
        /// Least time at bolts that are not the owner's before those are tried again; up to twice as much.
        public var homeAfter: Duration = .seconds(30)
        /// The usual bounds.
        public init() {}
    }
}
