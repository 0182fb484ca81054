internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// Check-ins that bring nothing new are answered from memory, without the journal: all they would change is when their
/// envoy was last seen. That is noted here and journaled for many envoys at once, with the next look.
///
/// What is answered was answered before, in the same reign and by the same register, when all that was stored of the
/// queue was safe: so it promises nothing that is not durable. Sightings that were not journaled yet are lost with the
/// process: at most those of one look.
final class QuietCheckIns: Sendable {
    /// What was last answered to an envoy, and to what.
    private struct Settled {
        let queue: QueueID
        let traits: Bytes32
        let slice: SliceID?
        /// Hash of the register; nil where no topology is in force.
        let register: Bytes32?
        let epoch: PartitionEpoch
        /// Whether the envoy said what it remembers: then it was told of bolts with a signature.
        let isShown: Bool
        /// Digest of the bolts that it was to be told of.
        let bolts: Bytes32?
        let receipt: CheckInReceipt
    }

    /// When an envoy was seen, and the slice in which it was then.
    struct Sighting: Hashable, Sendable {
        let envoy: PrincipalID
        let slice: SliceID?
        let at: WallTime
    }

    private struct State {
        /// Those that were answered since the last turn, and those of the turn before.
        var (settled, earlier): ([PrincipalID: Settled], [PrincipalID: Settled]) = ([:], [:])
        var sightings: [PrincipalID: Sighting] = [:]
        /// Number of the last list of bolts that was signed: none before it is told any more.
        var list: UInt64?

        /// With more than `turnAt` of a turn the next begins, and who was not answered in this one is forgotten.
        mutating func keep(_ new: Settled, of envoy: PrincipalID, turnAt: Int) {
            if settled.count >= turnAt, settled[envoy] == nil { (settled, earlier) = ([:], settled) }
            settled[envoy] = new
        }

        mutating func forget(_ envoy: PrincipalID) {
            settled[envoy] = nil
            earlier[envoy] = nil
        }
    }

    private let state = Mutex(State())
    private let envoysMax: Int

    /// A memory of about so many envoys, never more: those that were answered last.
    init(envoysMax: Int = PartitionServiceLimits.quietEnvoysMax) { self.envoysMax = max(1, envoysMax) }

    /// Takes note of what an envoy is about to be answered. Remembered where the next may be answered alike: all that
    /// is stored may be released, the owner proved nothing, and no other bolt is between. Everything else is forgotten
    /// of it.
    func note(_ receipt: CheckInReceipt, to checkIn: PendingCheckIn, in epoch: PartitionEpoch, register: Bytes32?) {
        let isSettled = receipt.releaseThrough == receipt.storedThrough && receipt.signature == nil
        let traits = checkIn.keptAt == nil && !checkIn.isPassedOn && isSettled ? checkIn.traits?.digest : nil
        state.withLock { state in
            if let number = receipt.bolts?.number { state.list = max(state.list ?? number, number) }
            let known = state.settled[checkIn.envoy] ?? state.earlier[checkIn.envoy]
            guard let traits else { return state.forget(checkIn.envoy) }
            if let known, known.queue == checkIn.queue, known.epoch == epoch,
                known.receipt.storedThrough > receipt.storedThrough
            {
                // Of two on their way at once the other was answered first, and more.
                return
            }
            var receipt = receipt
            receipt.voucher = nil
            let settled = Settled(
                queue: checkIn.queue, traits: traits, slice: checkIn.slice, register: register, epoch: epoch,
                isShown: checkIn.seen != nil, bolts: checkIn.bolts?.digest, receipt: receipt)
            state.keep(settled, of: checkIn.envoy, turnAt: max(1, envoysMax / 2))
        }
    }

    /// The answer to a check-in that brings nothing new, at `now`; nil where it has to be stored. `register` is that of
    /// its slice now; `isPaired`: a standby is in sync and heard. What was called safe by two disks is called so again
    /// while there are two, and what was not is asked anew once there are (P1).
    func answer(
        to checkIn: PendingCheckIn, in epoch: PartitionEpoch, register: Bytes32?, isPaired: Bool, now: WallTime
    ) -> CheckInReceipt? {
        guard checkIn.results.isEmpty, checkIn.keptAt == nil, !checkIn.isPassedOn, let traits = checkIn.traits else {
            return nil
        }
        if let seen = checkIn.seen, let register, seen.hash != register || seen.epoch != epoch.number { return nil }
        return state.withLock { state in
            guard let known = state.settled[checkIn.envoy] ?? state.earlier[checkIn.envoy],
                known.epoch == epoch, known.register == register,
                known.queue == checkIn.queue, known.slice == checkIn.slice, known.traits == traits.digest,
                known.isShown == (checkIn.seen != nil), known.bolts == checkIn.bolts?.digest,
                known.receipt.bolts == nil || known.receipt.bolts?.number == state.list,
                checkIn.firstHeld <= known.receipt.storedThrough + 1, (known.receipt.level == .paired) == isPaired,
                state.sightings.count < envoysMax || state.sightings[checkIn.envoy] != nil
            else { return nil }
            state.keep(known, of: checkIn.envoy, turnAt: max(1, envoysMax / 2))
            state.sightings[checkIn.envoy] = Sighting(envoy: checkIn.envoy, slice: checkIn.slice, at: now)
            return known.receipt
        }
    }

    /// Takes out what is to be journaled, ascending by envoy.
    func takeSightings() -> [Sighting] {
        let taken = state.withLock { state in
            defer { state.sightings = [:] }
            return state.sightings
        }
        return taken.values.sorted { $0.envoy < $1.envoy }
    }

    /// Forgets everybody: the reign is over, or another one began.
    func forget() { state.withLock { $0 = State() } }
}
