/// Many handoffs as one durable task, on the primary of the partition that drives it.
///
/// It begins a move, names the attempt in the journal first, and believes the registers about what has moved: what it
/// was told, by whom, and how often, does not matter. A move that fails goes to the back and is tried again later, so
/// that one busy slice holds up none of the others.
public struct RebalanceTask: Sendable {
    /// What an operator asks.
    public enum Command: Hashable, Sendable {
        /// Hold still.
        case pause
        /// Go on; what was given up is tried again.
        case resume
        /// Take more or less from now on.
        case throttle(HandoffBudget.Limits)
        /// End: what is not handed on stays.
        case cancel
        /// Put everything back.
        case reverse
    }

    /// What happens.
    public enum Event: Hashable, Sendable {
        /// The first event of each life, with the registers in force of the job's slices; `wall`: what the clock on the
        /// wall says, so that the next driver knows since when a move fails.
        case start(registers: [SliceRegister], at: Duration, wall: WallTime = WallTime(milliseconds: 0))
        /// A record is *safe*.
        case recorded(RebalanceRecord)
        /// A record was not journaled, and will not be.
        case refused(RebalanceRecord)
        /// An operator asks.
        case command(Command)
        /// The register in force of a slice changed.
        case register(SliceRegister)
        /// How a handoff stands, as its source says: bytes that the target confirmed, and what holds it up.
        case progress(HandoffID, bytes: UInt64, hindrance: String?)
        /// A handoff came to an end at its source without handing on.
        case cancelled(HandoffID, reason: String)
        /// Time passes: every second or so.
        case tick(Duration)
    }

    /// What the shell does.
    public enum Effect: Hashable, Sendable {
        /// Journal this. Answered by `recorded` or `refused`.
        case record(RebalanceRecord)
        /// Ask the source to begin this handoff, or to say how it stands; again at each tick while it is in flight.
        case order(HandoffOrder)
        /// Ask the source to cancel this handoff.
        case cancel(HandoffOrder)
        /// Ask the source to hold this handoff still, or to let it go on.
        case pause(HandoffOrder, Bool)
        /// Tell the sources what they may take; again at each tick, for a source's next primary knows nothing of it.
        case throttle(HandoffBudget.Limits)
        /// The command is not possible now: why, in words. Nothing changed.
        case refuse(Command, reason: String)
        /// It is over.
        case ended(RebalanceStatus)
    }

    /// A move in flight, or one that is held up.
    struct Standing: Hashable, Sendable {
        var since: Duration
        var bytes: UInt64 = 0
        var hindrance: String?
    }

    /// What the journal says.
    public internal(set) var state: RebalanceState
    /// The partitions that slices go from or to, ascending: who has to know the limits.
    public let partitions: [PartitionName]
    /// Why it moves nothing now, whatever its operator wants; nil where it may go on. Told by the shell and not
    /// journaled: whoever goes on with the task finds it out anew. What a source has sealed already comes to its end.
    public var hold: String?
    let witness: any Witness
    let mutation: HandoffMutation?
    /// By slice.
    var registers: [SliceID: SliceRegister] = [:]
    var standings: [UInt32: Standing] = [:]
    /// Moves that failed and have made no progress since.
    var failing: [UInt32: Failing] = [:]
    var retryAt: [UInt32: Duration] = [:]
    /// By the moves' numbers: kept up to date move by move.
    var places: [Place]
    /// The move of each slice.
    let numbers: [SliceID: UInt32]
    /// Moves in flight.
    var open: Set<UInt32> = []
    /// Attempts that are open, and some that were, by their ids.
    var flights: [HandoffID: UInt32] = [:]
    /// Moves that failed since an operator last let the task go on.
    var failed: Set<UInt32> = []
    /// No move before this one waits for its first attempt.
    var firstWaiting = 0
    /// How many moves are where.
    package internal(set) var tally = Tally()
    var pending: RebalanceRecord?
    var commands: [Command] = []
    var time: Duration = .zero
    /// When this life began, by both clocks.
    var origin: (time: Duration, wall: WallTime) = (.zero, WallTime(milliseconds: 0))
    /// Since when the rate is measured, and how much was done then: bytes, or slices where none has any.
    var began: Duration = .zero
    var bytesAtStart: UInt64?
    /// Slices that were where they should be then.
    var slicesAtStart = 0
    /// When something first got on since; nil before.
    var movedAt: Duration?
    var hasEnded = false

    /// Commands that wait for one another at most.
    static let commandsMax = 16

    /// Whether no record is on its way and no command waits.
    public var isSettled: Bool { pending == nil && commands.isEmpty }

    /// A task, as far as `state` says.
    public init(state: RebalanceState, hashedBy witness: any Witness) {
        self.init(state: state, hashedBy: witness, mutation: nil)
    }

    /// The same with a deliberate fault.
    package init(state: RebalanceState, hashedBy witness: any Witness, mutation: HandoffMutation?) {
        (self.state, self.witness, self.mutation) = (state, witness, mutation)
        let moves = state.job.moves
        partitions = Set(moves.flatMap { [$0.from, $0.to] }).sorted()
        places = Array(repeating: .unknown, count: moves.count)
        numbers = Dictionary(moves.enumerated().map { ($1.slice, UInt32($0)) }) { first, _ in first }
    }

    /// Takes one event; the effects are to be carried out in order.
    public mutating func step(_ event: Event) -> [Effect] {
        var effects: [Effect] = []
        switch event {
        case .start(let registers, let now, let wall):
            for register in registers { self.registers[register.slice] = register }
            (self.time, began) = (now, now)
            origin = (now, wall)
            findPlaces()
            recallFailures()
            renew(&effects)
        case .recorded(let record): recorded(record, &effects)
        case .refused(let record): if pending == record { pending = nil }
        case .command(let command): take(command, &effects)
        case .register(let register):
            let known = registers[register.slice]
            if known.map({ $0.position <= register.position || $0.hash != register.hash }) ?? false {
                registers[register.slice] = register
                if let number = numbers[register.slice] { review(number) }
            }
        case .progress(let id, let bytes, let hindrance):
            if let move = openMove(id) {
                noteProgress(of: move, bytes)
                if bytes > standings[move]?.bytes ?? 0 { noteMoved() }
                let hasMoved = standings[move].map { $0.bytes != bytes || $0.hindrance != hindrance } ?? true
                if hasMoved { standings[move] = Standing(since: time, bytes: bytes, hindrance: hindrance) }
            }
        case .cancelled(let id, let reason):
            if let move = openMove(id), pending == nil {
                let attempt = state.attempts[Int(move)].began - 1
                let since = wall(at: failingSince(move))
                record(
                    .failed(move: move, attempt: attempt, reason: HandoffSource.cut(reason), since: since), &effects)
            }
        case .tick(let now):
            self.time = max(self.time, now)
            renew(&effects)
        }
        advance(&effects)
        return effects
    }

    // MARK: - Steps

    mutating func record(_ record: RebalanceRecord, _ effects: inout [Effect]) {
        guard pending == nil else { return }
        pending = record
        effects.append(.record(record))
    }

    /// Says again what is in flight, and how much of it there may be: whoever forgot it, or took its place, hears of
    /// it. A task that is over says nothing: its limits are not those of another one.
    private func renew(_ effects: inout [Effect]) {
        guard state.phase != .ended else { return }
        if mutation != .throttleForgotten { effects.append(.throttle(state.limits)) }
        for move in openMoves {
            guard let order = order(move) else { continue }
            if state.phase == .cancelling || state.attempts[Int(move)].isBack != isBack {
                effects.append(.cancel(order))
            } else {
                // A source that forgot it is not to begin it again while the task is held.
                if hold == nil { effects.append(.order(order)) }
                effects.append(.pause(order, isStill))
            }
        }
    }

    private mutating func recorded(_ record: RebalanceRecord, _ effects: inout [Effect]) {
        if pending == record { pending = nil }
        let before = concernsAll(record) ? openMoves.compactMap { order($0) } : []
        state.apply(record)
        noteFigures(of: record)
        notePlaces(of: record)
        switch record {
        case .planned, .ended, .forgotten: break
        case .paused, .resumed:
            retryAt = [:]
            for order in before { effects.append(.pause(order, isStill)) }
        case .throttled(let limits): effects.append(.throttle(limits))
        case .cancelled: for order in before { effects.append(.cancel(order)) }
        case .reversed:
            for order in before { effects.append(.cancel(order)) }
            (standings, retryAt, hasEnded) = ([:], [:], false)
            measureAnew()
        case .began(let move, _): begun(move, &effects)
        case .beganTogether(let attempts): for one in attempts { begun(one.move, &effects) }
        case .failed(let move, _, _, _):
            standings[move] = nil
            let failures = min(state.attempts[Int(move)].failures, 6)
            retryAt[move] = time + .seconds(1 << failures)
        }
    }

    private mutating func begun(_ move: UInt32, _ effects: inout [Effect]) {
        standings[move] = Standing(since: time)
        if let order = order(move), hold == nil { effects.append(.order(order)) }
    }

    /// Whether a record changes what is to become of all that is in flight.
    private func concernsAll(_ record: RebalanceRecord) -> Bool {
        switch record {
        case .paused, .resumed, .cancelled, .reversed: true
        case .planned, .throttled, .began, .beganTogether, .failed, .ended, .forgotten: false
        }
    }

    private mutating func take(_ command: Command, _ effects: inout [Effect]) {
        if let reason = obstacle(to: command) { return effects.append(.refuse(command, reason: reason)) }
        commands.append(command)
    }

    /// Why a command is refused as things stand; nil where it is taken. Changes nothing.
    public func obstacle(to command: Command) -> String? {
        if commands.count >= RebalanceTask.commandsMax { return "too many commands wait; ask again" }
        if case .reverse = command { return state.isReversed ? "the task is reversed already" : nil }
        if state.phase == .ended { return "the task is over; make a new plan" }
        switch command {
        case .pause: return state.phase == .cancelling ? "the task is being cancelled" : nil
        case .resume, .throttle, .cancel, .reverse: return nil
        }
    }

    /// Whatever is due: one record at a time.
    private mutating func advance(_ effects: inout [Effect]) {
        if bytesAtStart == nil { (bytesAtStart, slicesAtStart) = (RebalanceTask.work(status()).done, tally.done) }
        if state.phase == .ended, commands.isEmpty, pending == nil {
            if !hasEnded { effects.append(.ended(status())) }
            hasEnded = true
            return
        }
        guard pending == nil else { return }
        if !commands.isEmpty {
            switch commands.removeFirst() {
            case .pause: record(.paused, &effects)
            case .resume: record(.resumed, &effects)
            case .throttle(let limits): record(.throttled(limits), &effects)
            case .cancel: record(.cancelled, &effects)
            case .reverse: record(.reversed, &effects)
            }
            return
        }
        if isOver { return record(.ended, &effects) }
        guard state.phase != .cancelling, !isStill else { return }
        let next = nextMoves(state.limits.slices - tally.inFlight).map {
            RebalanceAttempt(move: $0, attempt: state.attempts[Int($0)].began)
        }
        guard let first = next.first else { return }
        record(next.count == 1 ? .began(move: first.move, attempt: first.attempt) : .beganTogether(next), &effects)
    }

    private var isOver: Bool {
        switch state.phase {
        case .moving, .reversing: tally.done + tally.overtaken == places.count
        case .cancelling: tally.inFlight == 0
        case .ended: true
        }
    }
}
