public import CRDT

/// One slice that is to move, and how much that is.
public struct RebalanceMove: Hashable, Sendable {
    /// The register that was in force when it was planned.
    public let register: SliceRegister
    /// Where it goes; never its owner.
    public let to: PartitionName
    /// Envoys in it, when it was planned.
    public let envoys: UInt64
    /// Bytes of it, when it was planned.
    public let bytes: UInt64

    /// A move; nil where the slice is there already.
    public init?(register: SliceRegister, to: PartitionName, envoys: UInt64, bytes: UInt64) {
        guard register.owner != to else { return nil }
        (self.register, self.to, self.envoys, self.bytes) = (register, to, envoys, bytes)
    }

    /// The slice.
    public var slice: SliceID { register.slice }
    /// Its owner, when it was planned.
    public var from: PartitionName { register.owner }
}

/// What a task is to do: the moves of a plan, immutable, made on one version of the topology.
public struct RebalanceJob: Hashable, Sendable {
    /// 128 random bits.
    public let id: PrincipalID
    /// The topology's version that it was made on.
    public let topology: Bytes32
    /// The moves, in the order in which they begin, each slice once; at most `HandoffLimits.movesMax`.
    public let moves: [RebalanceMove]

    /// A job; nil where a slice is named twice, or there are too many moves.
    public init?(id: PrincipalID, topology: Bytes32, moves: [RebalanceMove]) {
        guard moves.count <= HandoffLimits.movesMax, Set(moves.map(\.slice)).count == moves.count else { return nil }
        (self.id, self.topology, self.moves) = (id, topology, moves)
    }
}

/// One attempt at a move of a task.
public struct RebalanceAttempt: Hashable, Sendable {
    /// The move's number in the job.
    public let move: UInt32
    /// How many attempts at it were before, in both directions.
    public let attempt: UInt32

    /// An attempt.
    public init(move: UInt32, attempt: UInt32) { (self.move, self.attempt) = (move, attempt) }
}

/// What the task journals at the partition that drives it: with these records any primary of that partition goes on.
public enum RebalanceRecord: Hashable, Sendable {
    /// It begins.
    case planned(RebalanceJob, HandoffBudget.Limits)
    /// No move begins, and those in flight hold still, but for what is sealed or handed on.
    case paused
    /// It goes on.
    case resumed
    /// Other limits.
    case throttled(HandoffBudget.Limits)
    /// What is in flight is cancelled, or ends; nothing more begins.
    case cancelled
    /// What was moved goes back.
    case reversed
    /// This attempt at a move begins: its id is known before anybody hears of it.
    case began(move: UInt32, attempt: UInt32)
    /// These attempts begin, at one move each: many slices wait for one flush, not each for its own.
    case beganTogether([RebalanceAttempt])
    /// An attempt came to nothing; why, and since when the move does not get on, by the driver's clock.
    case failed(move: UInt32, attempt: UInt32, reason: String, since: WallTime = WallTime(milliseconds: 0))
    /// It is over.
    case ended
    /// It was over long enough: all that the journal says of it goes. Without effect while it is not over.
    case forgotten
}

extension RebalanceMove: CanonicalValue {
    /// Register, target, envoys, bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        register.encode(to: &encoder)
        encoder.text(to.text)
        encoder.integer(envoys)
        encoder.integer(bytes)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let register = try SliceRegister(from: &decoder)
        let to = try PartitionName.read(&decoder)
        let envoys = try decoder.integer()
        let bytes = try decoder.integer()
        guard let move = RebalanceMove(register: register, to: to, envoys: envoys, bytes: bytes) else {
            throw .invalid(what: "move to the same partition")
        }
        self = move
    }
}

extension RebalanceJob: CanonicalValue {
    /// Id, topology, moves.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.raw(id.bytes)
        encoder.fixed(topology)
        encoder.list(moves) { encoder, move in move.encode(to: &encoder) }
    }

    /// Reads what `encode(to:)` wrote; a slice named twice is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        let topology = try decoder.fixed()
        let moves = try decoder.list("moves", limit: HandoffLimits.movesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try RebalanceMove(from: &decoder)
        }
        guard let job = RebalanceJob(id: id, topology: topology, moves: moves) else {
            throw .invalid(what: "slice that moves twice")
        }
        self = job
    }
}

extension RebalanceRecord: CanonicalValue {
    /// Kind, then the fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .planned(let job, let limits):
            encoder.byte(1)
            job.encode(to: &encoder)
            limits.encode(to: &encoder)
        case .paused: encoder.byte(2)
        case .resumed: encoder.byte(3)
        case .throttled(let limits):
            encoder.byte(4)
            limits.encode(to: &encoder)
        case .cancelled: encoder.byte(5)
        case .reversed: encoder.byte(6)
        case .began(let move, let attempt):
            encoder.byte(7)
            encoder.integer(UInt64(move))
            encoder.integer(UInt64(attempt))
        case .failed(let move, let attempt, let reason, let since):
            encoder.byte(8)
            encoder.integer(UInt64(move))
            encoder.integer(UInt64(attempt))
            encoder.text(reason)
            encoder.integer(since.milliseconds)
        case .ended: encoder.byte(9)
        case .beganTogether(let attempts):
            encoder.byte(10)
            encoder.list(attempts) { encoder, attempt in
                encoder.integer(UInt64(attempt.move))
                encoder.integer(UInt64(attempt.attempt))
            }
        case .forgotten: encoder.byte(11)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 1:
            let job = try RebalanceJob(from: &decoder)
            self = .planned(job, try HandoffBudget.Limits(from: &decoder))
        case 2: self = .paused
        case 3: self = .resumed
        case 4: self = .throttled(try HandoffBudget.Limits(from: &decoder))
        case 5: self = .cancelled
        case 6: self = .reversed
        case 7:
            let move = try RebalanceRecord.number(&decoder)
            self = .began(move: move, attempt: try RebalanceRecord.number(&decoder))
        case 8:
            let move = try RebalanceRecord.number(&decoder)
            let attempt = try RebalanceRecord.number(&decoder)
            let reason = try decoder.text("reason", limit: HandoffLimits.reasonBytesMax)
            let since = WallTime(milliseconds: try decoder.integer())
            self = .failed(move: move, attempt: attempt, reason: reason, since: since)
        case 9: self = .ended
        case 10:
            self = .beganTogether(
                try decoder.list("attempts", limit: HandoffLimits.slicesInFlightMax) {
                    (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                    let move = try RebalanceRecord.number(&decoder)
                    return RebalanceAttempt(move: move, attempt: try RebalanceRecord.number(&decoder))
                })
        case 11: self = .forgotten
        default: throw .invalid(what: "record of a task")
        }
    }

    private static func number(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> UInt32 {
        let value = try decoder.integer()
        guard value <= UInt64(UInt32.max) else { throw .invalid(what: "number in a task") }
        return UInt32(value)
    }
}
