extension LeaseMachine {
    /// What happened outside.
    public enum Event: Hashable, Sendable {
        /// First event, once.
        case started
        /// What this bolt is to its partition now.
        case role(LeaseRole)
        /// Answers `Effect.ask`.
        case answered(LeaseRequestID, LeaseAnswer)
        /// Answers `Effect.ask`: no answer came, or none that helps.
        case failed(LeaseRequestID, LeaseFailure)
        /// Answers `Effect.schedule`.
        case timerFired(TimerID)
        /// Answers `Effect.tryPromotion`: whether this bolt reigns now.
        case tried(LeaseToken, succeeded: Bool)
        /// The process ends: give back what is held, then `Effect.stopped`.
        case stop
    }

    /// What is to be done outside, in order.
    public enum Effect: Hashable, Sendable {
        /// Ask the engine; answered by `answered` or `failed` within that time, always and once. One is on its way at
        /// any time.
        case ask(LeaseRequestID, LeaseRequest, within: Duration)
        /// Fire this timer after this long on a monotonic clock.
        case schedule(TimerID, after: Duration)
        /// How this bolt stands is another.
        case standing(LeaseStanding)
        /// The lease is this standby's: now is the time to ask for promises. Answered by `tried`. Whether it succeeds
        /// is the partition's to decide.
        case tryPromotion(LeaseToken)
        /// Something to be told to people, logged or counted.
        case notify(LeaseNotification)
        /// Nothing more will be asked; no event is needed any more.
        case stopped
    }
}
