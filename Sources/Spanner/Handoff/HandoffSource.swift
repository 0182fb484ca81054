/// The source's side of one handoff, on the primary of the partition that owns the slice.
///
/// Rebuilt from the journal after each restart and promotion. It acts only on what is *safe*: what it told the target
/// is in every later epoch too. Nothing of a piece, an answer or a timer is trusted beyond its stamps, so that each may
/// be lost, doubled, or come late. The slice is acknowledged here while `isTaking`, which ends with the proposal of the
/// seal, before that is durable.
///
/// The shell delivers `journaled` before any `safe` that reaches it, answers each read once, and drops the machine when
/// the partition's primary is another.
public struct HandoffSource: Sendable {
    /// Who speaks: the partition's primary.
    public struct Voice: Sendable {
        /// The mesh.
        public var mesh: MeshID
        /// The partition's present epoch.
        public var epoch: PartitionEpoch
        /// The certificates of the partition's key.
        public var warrant: SliceWarrant
        /// The partition's key.
        public var signer: any RunSigner

        /// A voice.
        public init(mesh: MeshID, epoch: PartitionEpoch, warrant: SliceWarrant, signer: any RunSigner) {
            (self.mesh, self.epoch) = (mesh, epoch)
            (self.warrant, self.signer) = (warrant, signer)
        }
    }

    /// What the stream to the target is at.
    enum Stream: Hashable, Sendable {
        /// How far the target is, is not known.
        case unknown
        /// The shell looks up which of the target's marks are in our journal; the target's tip.
        case locating(LogPoint)
        /// The snapshot's place, where it is known, and its next piece.
        case snapshot(LogPoint?, next: UInt32)
        /// Read up to the one place, sent up to the other: what did nothing to the slice is read and not sent.
        case tail(read: LogPoint, sent: LogPoint)
    }

    /// A piece on its way.
    struct Flight: Hashable, Sendable {
        let place: HandoffPiece.Place
        let bytes: Int
    }

    /// What the journal says.
    public internal(set) var state: HandoffSourceState
    /// Whether an operator holds it: nothing more is read or sealed.
    public internal(set) var isPaused = false
    /// Whether it may stream but not seal.
    public internal(set) var holdsSeal = false
    /// Whether it is its turn to seal, of all handoffs of the partition.
    public internal(set) var hasTurn = true
    /// Whether no standby is in sync, of several members: nothing becomes safe until one is. Told by the shell and not
    /// journaled.
    public var isAlone = false

    let voice: Voice
    let settings: HandoffSettings
    let witness: any SliceWitness
    let mutation: HandoffMutation?
    /// All of our journal up to here is safe.
    var safe: UInt64
    /// A record that is on its way into the journal.
    var pending: HandoffSourceRecord?
    /// The position of the last record whose consequences were drawn.
    var announced: UInt64 = 0
    var cancelReason: String?
    var wantsUnseal = false
    /// After a seal was taken back: it may be tried again when the target answers a later offer.
    var maySealAgain = true
    var hasRested = true
    /// Whether another register than ours is in force.
    var isSuperseded = false
    var stream = Stream.unknown
    var isReading = false
    /// A piece that was read and is not safe yet.
    var waiting: HandoffPiece?
    var flights: [Flight] = []
    var credit = 1
    var probe: UInt64 = 0
    /// Offers since the target last said anything.
    var silentAsks = 0
    var confirmed: LogPoint?
    var seal: SliceSeal?
    var heldSeal: SliceSeal?
    var mismatches = 0
    var isAdopted = false
    var isCollected = false
    /// Whether an operator took the slice over after our hand-on: nothing more of our copy goes.
    public internal(set) var isOvertaken = false
    var hasEnded = false
    var guesses = false
    var timers: [HandoffTimer.Kind: UInt64] = [:]
    /// Pieces and bytes that the target confirmed in this life of the machine.
    public internal(set) var sent = HandoffCount()

    /// The source's side of an order, as far as `state` says; `safe` is how far the journal is safe.
    public init(
        state: HandoffSourceState, safe: UInt64, voice: Voice, settings: HandoffSettings = HandoffSettings(),
        witness: any SliceWitness
    ) {
        self.init(state: state, safe: safe, voice: voice, settings: settings, witness: witness, mutation: nil)
    }

    /// The same with a deliberate fault.
    package init(
        state: HandoffSourceState, safe: UInt64, voice: Voice, settings: HandoffSettings,
        witness: any SliceWitness, mutation: HandoffMutation?
    ) {
        (self.state, self.safe, self.voice) = (state, safe, voice)
        (self.settings, self.witness, self.mutation) = (settings, witness, mutation)
        guesses = mutation == .recoverByGuess && state.phase == .sealed
    }

    /// What is to be done.
    public var order: HandoffOrder { state.order }

    /// Whether a new write of this slice may be journaled here, as far as this handoff goes.
    ///
    /// Where a seal was taken back, from the record that says so on, safe or not. Nobody but this journal can hand on,
    /// and what is stored here stands behind that record in it: who has the one has the other, so what is safe is not
    /// behind a seal, and whoever forgets the record forgets what was answered at `local` after it.
    public var isTaking: Bool {
        if guesses { return true }
        guard !isSuperseded else { return false }
        switch state.phase {
        case .planned: return true
        case .sending:
            if mutation == .acknowledgeAfterSeal { return true }
            return !isSealProposed
        case .sealed: return mutation == .acknowledgeAfterSeal
        case .cancelled: return true
        case .sent, .garbage, .done: return false
        // The register says whose it is. What is stored here comes after our word in the journal: whoever forgets the
        // one forgets the other.
        case .overtaken: return true
        }
    }

    /// Whether the slice is being brought over: before the hand-on is safe it counts in a budget of slices in flight.
    /// What only waits to be served there, and to be removed here, does not.
    public var isTransferring: Bool {
        switch state.phase {
        case .planned, .sending, .sealed: true
        case .sent: !isSettled
        case .garbage, .done, .cancelled, .overtaken: false
        }
    }

    /// Whether nobody serves the slice on account of this handoff, as far as this side knows.
    public var isUnserved: Bool {
        switch state.phase {
        case .sending: isSealProposed
        case .sealed: true
        case .sent: !isAdopted
        case .planned, .garbage, .done, .cancelled, .overtaken: false
        }
    }

    /// Whether it would seal, were it its turn.
    public var awaitsTurn: Bool {
        state.phase == .sending && !hasTurn && pending == nil && cancelReason == nil && isStreamed
    }

    var isSealProposed: Bool {
        if case .sealed = pending { return true }
        return false
    }

    private var isHandOnProposed: Bool {
        if case .handedOn = pending { return true }
        return false
    }

    /// Whether the last record is safe.
    var isSettled: Bool { state.since.map { isSafe($0.position) } ?? true }

    func isSafe(_ position: UInt64) -> Bool { mutation == .forgottenByFailover || position <= safe }

    /// Why nothing goes on, in words; nil where it does.
    public var hindrance: String? {
        if isPaused { return "paused by an operator" }
        if isSuperseded { return "another partition took the slice over" }
        if !isSettled { return "its last step waits for the partition's standbys" }
        switch state.phase {
        case .planned: return "its first step waits for the journal"
        case .sending, .sealed:
            if silentAsks >= 2 { return "the target \(order.to) does not answer" }
            if isAlone { return "no standby of \(order.from) is in sync" }
            return awaitsTurn ? "slices before it are not served at \(order.to) yet" : nil
        case .sent: return isAdopted ? nil : "the target \(order.to) does not serve it yet"
        case .garbage, .done, .cancelled, .overtaken: return nil
        }
    }

    /// Takes one event; the effects are to be carried out in order.
    public mutating func step(_ event: Event) -> [Effect] {
        var effects: [Effect] = []
        switch event {
        case .start: break
        case .journaled(let record, let point): journaled(record, at: point)
        case .refused(let record): if pending == record { pending = nil }
        case .safe(let position): safe = max(safe, position)
        case .received(let reply): if reply.id == order.id { receive(reply.body, &effects) }
        case .read(let piece): read(piece, &effects)
        case .skipped(let after, let through): skip(after, through)
        case .tailGone(let after): tailGone(after, &effects)
        case .located(let point): located(point, &effects)
        case .digested(let point, let digest):
            if state.phase == .sealed || state.phase == .sent, point == state.sealPoint {
                seal = SliceSeal(point: point, digest: digest)
                sendSeal(&effects)
            }
        case .timerFired(let timer): fire(timer, &effects)
        case .cancel(let reason): cancel(reason, &effects)
        case .pause(let isPaused): self.isPaused = isPaused
        case .holdSeal(let holds): holdsSeal = holds
        case .turn(let isIts): hasTurn = isIts
        case .registerMoved(let register): registerMoved(register)
        case .passedOn: if state.phase == .sent { isAdopted = true }
        case .overtaken: isOvertaken = isOvertaken || state.phase == .sent || state.phase == .garbage
        case .collected: isCollected = true
        }
        advance(&effects)
        return effects
    }

    private mutating func journaled(_ record: HandoffSourceRecord, at point: LogPoint) {
        if pending == record { pending = nil }
        guard state.apply(record, at: point) else { return }
        switch record {
        case .sealed: (seal, heldSeal, wantsUnseal) = (nil, nil, false)
        case .unsealed:
            (seal, heldSeal, wantsUnseal) = (nil, nil, false)
            (maySealAgain, hasRested) = (false, false)
        case .begun, .handedOn, .released, .collected, .cancelled, .overtaken: break
        }
    }

    private mutating func cancel(_ reason: String, _ effects: inout [Effect]) {
        let isLate: Bool
        switch state.phase {
        case .sent, .garbage, .done, .overtaken: isLate = true
        case .planned, .sending, .sealed, .cancelled: isLate = false
        }
        guard !isLate, !isHandOnProposed else {
            if mutation == .cancelAfterSwitch, state.phase == .sealed || state.phase == .sent { guesses = true }
            return effects.append(.tooLateToCancel)
        }
        if cancelReason == nil { cancelReason = HandoffSource.cut(reason) }
    }

    /// The register in force is another. Ours wins where we had handed on first; otherwise the slice is lost to us.
    private mutating func registerMoved(_ register: SliceRegister) {
        guard register.slice == order.slice, register != order.register else { return }
        switch state.phase {
        case .planned, .sending, .sealed:
            if isHandOnProposed { return }
            isSuperseded = true
            cancelReason = cancelReason ?? "the slice belongs to \(register.owner) since register \(register.position)"
        case .sent, .garbage, .done, .cancelled, .overtaken: break
        }
    }

    static func cut(_ text: String) -> String {
        var text = text
        while text.utf8.count > HandoffLimits.reasonBytesMax { text.removeLast() }
        return text
    }
}

/// How much went over.
public struct HandoffCount: Hashable, Sendable {
    /// Pieces.
    public var pieces: UInt64 = 0
    /// Bytes of content.
    public var bytes: UInt64 = 0
    /// Nothing yet.
    public init() {}
}
