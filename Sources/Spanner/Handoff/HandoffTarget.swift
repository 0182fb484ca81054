public import CRDT

/// The target's side of one handoff, on the primary of the partition that the slice goes to.
///
/// Rebuilt from the journal after each restart and promotion. It reports only what is *safe* here: the source never has
/// to send again what it reported. What comes in is staged beside the tables; it is served from the record that adopts
/// it, and only where the hand-on names the very seal that is held.
///
/// The shell delivers `journaled` before any `safe` that reaches it, in the order of the proposals, and drops the
/// machine when the partition's primary is another.
public struct HandoffTarget: Sendable {
    /// What happens to the target's side.
    public enum Event: Sendable {
        /// The first event of each life.
        case start
        /// From the source.
        case received(HandoffMessage)
        /// Whether the slice can be taken: what stands against it, in words; empty: nothing.
        case checked(blockers: [String])
        /// A record of this handoff is durable here, at this place.
        case journaled(HandoffTargetRecord, at: LogPoint)
        /// A record was not journaled, and will not be, nor those proposed after it.
        case refused(HandoffTargetRecord)
        /// All of our journal up to here is safe.
        case safe(through: UInt64)
        /// The digest of what is staged, up to this place of the source's journal.
        case digested(at: LogPoint, Bytes32)
        /// What is staged, up to this place, cannot be served here: why, in words. Asked for as the digest is.
        case unfit(at: LogPoint, reasons: [String])
        /// A timer.
        case timerFired(HandoffTimer)
        /// The slice will not come: its source handed it to another. Before the hand-on only.
        case abandon(reason: String)
        /// An operator took the slice over, before a hand-on to here or after it: what came may be the last copy.
        case salvage(reason: String)
    }

    /// What the shell does for the target's side.
    public enum Effect: Hashable, Sendable {
        /// Can this slice be taken: is the group served, are its secrets here, is there room, do versions match, is
        /// somebody in sync, is no older copy left? Answered by `checked`.
        case check(HandoffOrder)
        /// Journal this. Answered by `journaled` or `refused`.
        case journal(HandoffTargetRecord)
        /// Send this to the source's primary.
        case reply(HandoffReply)
        /// Digest of what is staged, which ends at this place of the source's journal. Answered by `digested`, or by
        /// `unfit`.
        case digest(at: LogPoint)
        /// Put the hand-on into the register, which is safe at the source, and serve the slice: it is adopted, durable.
        case serve(SignedTransition)
        /// Wake me after this time.
        case setTimer(HandoffTimer, after: Duration)
        /// It is over; the machine still answers a source that asks, and may be dropped and rebuilt at any time.
        case ended(HandoffTargetState.Phase)
    }

    /// What the journal says.
    public internal(set) var state: HandoffTargetState

    let mesh: MeshID
    let settings: HandoffSettings
    let witness: any SliceWitness
    let mutation: HandoffMutation?
    /// All of our journal up to here is safe.
    var safe: UInt64
    /// What the journal will say when it took what is on its way.
    var ahead: HandoffTargetState
    /// Records that are on their way into the journal, in order.
    var pending: [HandoffTargetRecord] = []
    /// Places of records that are durable and not safe yet, with what was held then.
    var unsettled: [(position: UInt64, progress: HandoffProgress)] = []
    /// How much is held, *safe*.
    var safeProgress: HandoffProgress
    var announced: UInt64 = 0
    /// Whether the shell was told to serve the slice.
    var isServed = false
    var isChecking = false
    /// The offer to answer, when it can be.
    var probe: UInt64 = 0
    var wantedSeal: SliceSeal?
    /// The seal whose digest is being computed.
    var digesting: SliceSeal?
    var handOn: SignedTransition?
    var dropReason: String?
    var salvageReason: String?
    /// The phase that was said to be the end; the machine may go on after it.
    var ended: HandoffTargetState.Phase?
    var timers: [HandoffTimer.Kind: UInt64] = [:]
    /// Pieces and bytes that came in this life of the machine.
    public internal(set) var received = HandoffCount()

    /// The target's side of an order, as far as `state` says; `safe` is how far one's own journal is safe.
    public init(
        state: HandoffTargetState, safe: UInt64, mesh: MeshID, settings: HandoffSettings = HandoffSettings(),
        witness: any SliceWitness
    ) {
        self.init(state: state, safe: safe, mesh: mesh, settings: settings, witness: witness, mutation: nil)
    }

    /// The same with a deliberate fault.
    package init(
        state: HandoffTargetState, safe: UInt64, mesh: MeshID, settings: HandoffSettings,
        witness: any SliceWitness, mutation: HandoffMutation?
    ) {
        (self.state, self.safe, self.mesh) = (state, safe, mesh)
        (self.settings, self.witness, self.mutation) = (settings, witness, mutation)
        ahead = state
        safeProgress = HandoffProgress()
        if let since = state.since { unsettled = [(since.position, state.progress)] }
        settle()
    }

    /// What is to be done.
    public var order: HandoffOrder { state.order }

    /// Whether the slice is served here, as far as this handoff goes: safe or not. The source cannot take it back, and
    /// keeps its copy until it is safe here; whoever forgets that it was adopted forgets what was stored after that,
    /// and adopts it anew.
    public var isServing: Bool { state.phase == .adopted }

    /// Whether the slice is on its way here: not where it is only being looked at whether it can be taken, nor where
    /// it was refused.
    public var isArriving: Bool {
        switch state.phase {
        case .unknown: handOn != nil || !pending.isEmpty
        case .receiving, .held: true
        case .adopted: false
        case .dropped: handOn != nil
        }
    }

    /// Whether the last record is safe.
    var isSettled: Bool { state.since.map { isSafe($0.position) } ?? true }

    func isSafe(_ position: UInt64) -> Bool {
        mutation == .deleteBeforeTargetIsSafe || mutation == .forgottenByFailover || position <= safe
    }

    /// Why nothing goes on, in words; nil where it does.
    public var hindrance: String? {
        if !isSettled { return "its last step waits for the partition's standbys" }
        switch state.phase {
        case .unknown: return isChecking ? "whether it can be taken is being looked at" : nil
        case .receiving: return received.pieces == 0 ? "the source \(order.from) sends nothing" : nil
        case .held: return handOn == nil ? "the source \(order.from) has not handed it on" : nil
        case .adopted, .dropped: return nil
        }
    }

    /// Takes one event; the effects are to be carried out in order.
    public mutating func step(_ event: Event) -> [Effect] {
        var effects: [Effect] = []
        switch event {
        case .start: setTimer(&effects)
        case .received(let message): if message.id == order.id { receive(message, &effects) }
        case .checked(let blockers): checked(blockers, &effects)
        case .journaled(let record, let point): journaled(record, at: point)
        case .refused: (pending, ahead) = ([], state)
        case .safe(let position): safe = max(safe, position)
        case .digested(let point, let digest): digested(point, digest, &effects)
        case .unfit(let point, let reasons): unfit(point, reasons, &effects)
        case .timerFired(let timer): fire(timer, &effects)
        case .abandon(let reason):
            if state.phase != .adopted, handOn == nil { dropReason = dropReason ?? HandoffSource.cut(reason) }
            endUnopened(&effects)
        case .salvage(let reason):
            if mutation == .stagedDroppedOnTakeover {
                dropReason = dropReason ?? HandoffSource.cut(reason)
            } else {
                salvage(HandoffSource.cut(reason))
            }
            endUnopened(&effects)
        }
        advance(&effects)
        return effects
    }

    private mutating func journaled(_ record: HandoffTargetRecord, at point: LogPoint) {
        if pending.first == record { pending.removeFirst() }
        if case .stored(_, let piece) = record {
            received.pieces &+= 1
            received.bytes &+= UInt64(piece.content.count)
        }
        _ = state.apply(record, at: point)
        if case .claimed = record { (salvageReason, handOn) = (nil, nil) }
        if pending.isEmpty { ahead = state }
        unsettled.append((point.position, state.progress))
    }

    /// Takes over what became safe; whether anything did.
    @discardableResult
    mutating func settle() -> Bool {
        var hasMoved = false
        while let first = unsettled.first, isSafe(first.position) {
            hasMoved = hasMoved || safeProgress != first.progress
            safeProgress = first.progress
            unsettled.removeFirst()
        }
        return hasMoved
    }
}
