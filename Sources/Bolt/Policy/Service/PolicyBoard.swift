internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import Synchronization

/// What check-ins are told of policy, at the primary: fed by its service, asked by every check-in. Safe to share; each
/// question is a few look-ups, whatever the size of the policy or the fleet.
final class PolicyBoard: Sendable {
    /// An order on its way to one envoy.
    struct Errand: Sendable {
        /// The order's number.
        let number: UInt64
        /// The signed order.
        let bytes: [UInt8]
        /// Not handed out after this.
        let notAfter: WallTime
        /// The push that calls for it: what the envoy then does it tells under this name.
        let push: PrincipalID
        /// The last place of its queue that the envoy told before it was handed out; nil before that.
        var handedAfter: UInt64?

        /// An order.
        init(number: UInt64, bytes: [UInt8], notAfter: WallTime, push: PrincipalID) {
            (self.number, self.bytes, self.notAfter, self.push) = (number, bytes, notAfter, push)
        }
    }

    private struct State {
        var picture: PolicyPicture?
        /// Envoys that are not given what the picture has for them.
        var waiting: Set<PrincipalID> = []
        /// Envoys whose policy cannot be made now, and why: they keep what they have.
        var heldUp: [PrincipalID: String] = [:]
        /// Of those that wait, those that said that they hold nothing: some at a time, the others say it again.
        var bare: Set<PrincipalID> = []
        var beacon: (text: String, until: WallTime)?
        var errands: [PrincipalID: Errand] = [:]
        /// Envoys whose passes somebody waits for.
        var watched: Set<PrincipalID> = []
        /// Whether an envoy said that it holds a later version than there is here.
        var hasMetLater = false
        /// What envoys said they hold: those that hold a leaf.
        var held: [PrincipalID: HeldPolicy] = [:]
        /// Envoys that said that they hold none. Who is in neither has said nothing here yet.
        var empty: Set<PrincipalID> = []
        /// Bodies at hand, with their bytes in all.
        var bodies: [Bytes32: [UInt8]] = [:]
        var bodyBytes = 0
    }

    private let state = Mutex(State())

    // MARK: - Asked

    /// The version in force; nil before the first, and where this bolt does not reign.
    var picture: PolicyPicture? { state.withLock { $0.picture } }

    /// Whether an envoy is given what it is to have.
    func isGiven(_ envoy: PrincipalID) -> Bool { state.withLock { !$0.waiting.contains(envoy) } }

    /// Whether an envoy said here that it holds a later version than there is: another partition's, or a lost one.
    var hasMetLater: Bool { state.withLock { $0.hasMetLater } }

    /// What an envoy said it holds when it last checked in here; nil where it holds no leaf.
    func held(by envoy: PrincipalID) -> HeldPolicy? { state.withLock { $0.held[envoy] } }

    /// Whether an envoy said what it holds, a leaf or none, since this bolt began to reign.
    func isReported(by envoy: PrincipalID) -> Bool {
        state.withLock { $0.held[envoy] != nil || $0.empty.contains(envoy) }
    }

    /// Passes as they count now. A rollback gives nothing to an envoy that never took what is rolled back: what it does
    /// under the leaf that it is to have has the number of an earlier head, and counts as under the one in force. A
    /// number that was never given here is another partition's, or a lost one: that pass is of no version of this one.
    func counted(_ passes: [HeardPass], of envoy: PrincipalID) -> [HeardPass] {
        let (picture, held) = state.withLock { ($0.picture, $0.held[envoy]) }
        guard let picture else { return passes }
        let isSame = held != nil && picture.leaf(of: envoy)?.hash == held?.leaf
        return passes.map { pass in
            var pass = pass
            guard let sequence = pass.sequence else { return pass }
            if sequence > picture.sequence {
                pass.sequence = nil
            } else if isSame, sequence == held?.sequence {
                pass.sequence = picture.sequence
            }
            return pass
        }
    }

    /// How many said that they hold what they are to have.
    func currentCount() -> Int {
        let (picture, held, heldUp) = state.withLock { ($0.picture, $0.held, $0.heldUp) }
        guard let picture else { return 0 }
        return held.count { heldUp[$0.key] == nil && picture.leaf(of: $0.key)?.hash == $0.value.leaf }
    }

    /// What a check-in is told that brought results up to `place`; nil where this partition has no policy, or this bolt
    /// does not reign.
    func word(
        for envoy: PrincipalID, holding held: HeldPolicy, isContested: Bool, through place: UInt64 = 0, now: WallTime
    ) -> PolicyWord? {
        let found = state.withLock { state -> (PolicyPicture, Bool, String?, String?, Errand?)? in
            guard let picture = state.picture else { return nil }
            state.held[envoy] = held.leaf == nil ? nil : held
            if held.leaf == nil { state.empty.insert(envoy) } else { state.empty.remove(envoy) }
            if let sequence = held.sequence, sequence > picture.sequence { state.hasMetLater = true }
            if let errand = state.errands[envoy], errand.handedAfter == nil {
                state.errands[envoy]?.handedAfter = place
            }
            let isWaiting = state.waiting.contains(envoy)
            if isWaiting, held.leaf == nil, !isContested, state.bare.count < PolicyServiceLimits.bareMax {
                state.bare.insert(envoy)
            }
            let beacon = state.beacon.flatMap { $0.until >= now ? $0.text : nil }
            return (picture, isWaiting, state.heldUp[envoy], beacon, state.errands[envoy])
        }
        guard let (picture, isWaiting, heldUp, beacon, errand) = found else { return nil }
        var word = PolicyWord(state: .current, sequence: picture.sequence, beacon: beacon)
        if let errand, errand.notAfter >= now, !isContested { (word.order, word.push) = (errand.bytes, errand.push) }
        guard let (_, hash) = picture.leaf(of: envoy) else {
            if let heldUp {
                (word.state, word.reason) = (.withheld, PolicyWord.withheld(heldUp))
                return word
            }
            (word.state, word.reason) = (.none, "partition \(picture.signed.head.partition) has no policy for it yet")
            return word
        }
        // A number that was never given here is another partition's: it is to follow this one from now on.
        let isForeign = held.sequence.map { $0 > picture.sequence } ?? false
        if held.leaf == hash, !isForeign {
            // It holds what could be made for it: not what it is to have.
            if let heldUp { (word.state, word.reason) = (.withheld, PolicyWord.withheld(heldUp)) }
            return word
        }
        if isContested {
            (word.state, word.reason) = (.withheld, "its name is contested: nothing new is given")
            return word
        }
        if isWaiting {
            let isBare = held.leaf == nil
            let why = isBare ? "it holds nothing, and is given it in a moment" : "the roll-out has not come to it"
            (word.state, word.reason) = (.withheld, why)
            return word
        }
        (word.state, word.grant) = (.changed, picture.grant(of: envoy))
        return word
    }

    /// Whether a waiting envoy is to check in at once: it is to have another leaf than it holds, or an order after the
    /// one that it knows is there.
    func isDue(_ envoy: PrincipalID, holding held: Bytes32?, order: UInt64) -> Bool {
        let (picture, isWaiting, errand) = state.withLock { state in
            (state.picture, state.waiting.contains(envoy), state.errands[envoy])
        }
        if let errand, errand.number > order { return true }
        guard !isWaiting, let leaf = picture?.leaf(of: envoy) else { return false }
        return leaf.hash != held
    }

    /// The last place of its queue that an envoy told before it was handed its order; nil where it was handed none.
    func handedOut(to envoy: PrincipalID) -> UInt64? { state.withLock { $0.errands[envoy]?.handedAfter } }

    /// The number of an envoy's order; nil where there is none.
    func errandNumber(of envoy: PrincipalID) -> UInt64? { state.withLock { $0.errands[envoy]?.number } }

    /// Whether a body is one that this envoy is to have, or holds.
    func names(_ body: Bytes32, for envoy: PrincipalID) -> Bool {
        picture?.tree.leaf(of: envoy)?.body == body
    }

    /// Whether somebody waits for how a version went at this envoy.
    func isWatched(_ envoy: PrincipalID) -> Bool { state.withLock { $0.watched.contains(envoy) } }

    /// A body that is at hand.
    func body(_ digest: Bytes32) -> [UInt8]? { state.withLock { $0.bodies[digest] } }

    // MARK: - Fed

    /// Another version is in force; these envoys are not given it yet.
    func show(_ picture: PolicyPicture, waiting: Set<PrincipalID>) {
        state.withLock { state in
            (state.picture, state.waiting) = (picture, waiting)
            state.held = state.held.filter { picture.tree.leaf(of: $0.key) != nil }
            state.empty = state.empty.filter { picture.tree.leaf(of: $0) != nil }
        }
    }

    /// For these nothing new can be made, and why; for others it can.
    func holdUp(_ envoys: [PrincipalID: String]) { state.withLock { $0.heldUp = envoys } }

    /// These are given it now.
    func give(_ envoys: [PrincipalID]) { state.withLock { $0.waiting.subtract(envoys) } }

    /// Those that wait and said that they hold nothing, by id; each is told once for each time that it says so.
    func takeBare() -> [PrincipalID] {
        state.withLock { state in
            defer { state.bare = [] }
            return state.bare.intersection(state.waiting).sorted()
        }
    }

    /// The beacon that check-ins are shown until an instant.
    func show(beacon: SignedPolicyBeacon) {
        let text = Data(beacon.canonicalBytes).base64EncodedString()
        state.withLock { $0.beacon = (text, beacon.beacon.notAfter) }
    }

    /// Orders on their way.
    func send(_ errands: [PrincipalID: Errand]) {
        state.withLock { $0.errands.merge(errands) { old, new in old.number > new.number ? old : new } }
    }

    /// Orders that nobody needs any more: of these envoys, or whose time is over.
    func recall(_ envoys: [PrincipalID], now: WallTime) {
        state.withLock { state in
            for envoy in envoys { state.errands[envoy] = nil }
            guard state.errands.values.contains(where: { $0.notAfter < now }) else { return }
            state.errands = state.errands.filter { $0.value.notAfter >= now }
        }
    }

    /// Somebody waits for passes of these.
    func watch(_ envoys: [PrincipalID]) { state.withLock { $0.watched.formUnion(envoys) } }

    /// Nobody waits for passes of this one any more.
    func unwatch(_ envoy: PrincipalID) { state.withLock { _ = $0.watched.remove(envoy) } }

    /// Keeps a body at hand, as far as there is room.
    func keep(_ body: [UInt8], as digest: Bytes32) {
        state.withLock { state in
            guard body.count <= PolicyServiceLimits.bodyCacheBytes, state.bodies[digest] == nil else { return }
            if state.bodyBytes + body.count > PolicyServiceLimits.bodyCacheBytes {
                (state.bodies, state.bodyBytes) = ([:], 0)
            }
            state.bodies[digest] = body
            state.bodyBytes += body.count
        }
    }

    /// This bolt does not reign any more.
    func clear() { state.withLock { $0 = State() } }
}
