/// Tells machines to apply their policy now, batch by batch: no clock, disk or socket inside.
///
/// The next batch is told when everybody of the last was heard of, or its time is over, enough of it succeeded, and the
/// shell found the partition healthy. Otherwise the push ends there: what was told stays told, nobody else is.
public struct PushMachine: Sendable {
    /// What was asked for.
    public let plan: PushPlan
    private var state = PushState.running
    private var batch = 0
    private var timer = 0
    private var reason: String?
    /// Read by key alone.
    private var places: [PrincipalID: PushPlace] = [:]
    private var counts: [Int] = Array(repeating: 0, count: PushPlace.allCases.count + 1)

    /// A push that was not begun; nil where the plan has a fault.
    public init?(_ plan: PushPlan) {
        guard plan.fault == nil else { return nil }
        self.plan = plan
        for envoy in plan.envoys { places[envoy] = .waiting }
        counts[Int(PushPlace.waiting.rawValue)] = plan.envoys.count
    }

    /// What happened outside.
    public enum Event: Hashable, Sendable {
        /// It is to begin. Later ones do nothing.
        case started
        /// A machine of the batch applied its policy.
        case succeeded(PrincipalID)
        /// A machine of the batch could not.
        case failed(PrincipalID)
        /// A machine is not of the partition any more.
        case gone(PrincipalID)
        /// Answers `Effect.schedule`; an older number is ignored.
        case timerFired(Int)
        /// Answers `Effect.checkHealth` of this batch: all is well.
        case healthy(batch: Int)
        /// Answers `Effect.checkHealth` of this batch: something is wrong.
        case unhealthy(batch: Int, reason: String)
        /// An operator ends it.
        case abort(reason: String)
    }

    /// What is to be done outside, in this order.
    public enum Effect: Hashable, Sendable {
        /// Order these machines to apply now, in pieces of at most `PolicyLimits.giveMax`.
        case tell([PrincipalID], batch: Int)
        /// Fire timer `number` after this long; answered by `timerFired`.
        case schedule(Int, after: Duration)
        /// Look whether the partition is well; answered by `healthy` or `unhealthy` with this batch.
        case checkHealth(batch: Int)
        /// All batches are done.
        case finished
        /// It stopped before the end.
        case aborted(reason: String)
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        switch event {
        case .started: return batch == 0 && state == .running ? tellNext() : []
        case .succeeded(let envoy): return hear(envoy, .succeeded)
        case .failed(let envoy): return hear(envoy, .failed)
        case .gone(let envoy):
            if places[envoy] == .waiting, isOpen { move(envoy, to: .failed) }
            return hear(envoy, .failed)
        case .timerFired(let number):
            guard state == .running, number == timer, batch > 0 else { return [] }
            for envoy in members(of: batch) where places[envoy] == .told { move(envoy, to: .failed) }
            return judge()
        case .healthy(let number):
            guard state == .checking, number == batch else { return [] }
            return tellNext()
        case .unhealthy(let number, let reason):
            guard state == .checking, number == batch else { return [] }
            return stop("after batch \(batch) the partition is not well: \(reason)")
        case .abort(let reason): return isOpen ? stop(reason) : []
        }
    }

    /// Where a machine is; nil where it is not part of the push.
    public func place(of envoy: PrincipalID) -> PushPlace? { places[envoy] }

    /// The numbers.
    public var status: PushStatus {
        PushStatus(
            state: state, batch: batch, batches: batchCount, waiting: count(.waiting), told: count(.told),
            succeeded: count(.succeeded), failed: count(.failed), reason: reason)
    }

    // MARK: - Inside

    private var isOpen: Bool { state == .running || state == .checking }
    private var batchCount: Int { (plan.envoys.count - 1) / plan.batchSize + 1 }
    private func count(_ place: PushPlace) -> Int { counts[Int(place.rawValue)] }

    /// The machines of a batch, counted from 1.
    private func members(of batch: Int) -> ArraySlice<PrincipalID> {
        let start = (batch - 1) * plan.batchSize
        return plan.envoys[start..<min(plan.envoys.count, start + min(plan.batchSize, plan.envoys.count))]
    }

    private mutating func move(_ envoy: PrincipalID, to place: PushPlace) {
        guard let before = places[envoy] else { return }
        counts[Int(before.rawValue)] -= 1
        counts[Int(place.rawValue)] += 1
        places[envoy] = place
    }

    private mutating func hear(_ envoy: PrincipalID, _ place: PushPlace) -> [Effect] {
        // What is heard of a machine that was not told is of another pass.
        guard places[envoy] == .told else { return [] }
        move(envoy, to: place)
        return state == .running && count(.told) == 0 ? judge() : []
    }

    private mutating func tellNext() -> [Effect] {
        while batch < batchCount {
            batch += 1
            let told = members(of: batch).filter { places[$0] == .waiting }
            // Who left before its turn is not waited for.
            guard !told.isEmpty else { continue }
            for envoy in told { move(envoy, to: .told) }
            state = .running
            timer += 1
            return [.tell(Array(told), batch: batch), .schedule(timer, after: .seconds(Int64(plan.batchSeconds)))]
        }
        state = .finished
        return [.finished]
    }

    /// Whether the batch went well enough for the next.
    private mutating func judge() -> [Effect] {
        let members = members(of: batch)
        let succeeded = members.count { places[$0] == .succeeded }
        guard succeeded * 100 >= plan.thresholdPercent * members.count else {
            return stop(
                "\(succeeded) of \(members.count) machines of batch \(batch) succeeded, "
                    + "\(plan.thresholdPercent) percent have to")
        }
        guard batch < batchCount else {
            state = .finished
            return [.finished]
        }
        state = .checking
        return [.checkHealth(batch: batch)]
    }

    private mutating func stop(_ reason: String) -> [Effect] {
        (state, self.reason) = (.aborted, reason)
        return [.aborted(reason: reason)]
    }
}
