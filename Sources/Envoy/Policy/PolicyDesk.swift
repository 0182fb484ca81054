internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Policy
internal import Spanner
internal import SpannerStore

/// What the agent knows of its policy: what it accepted, what it heard, what it has to do. Whatever is accepted is
/// durable, whole, before this says so.
struct PolicyDesk {
    /// A grant that verifies, and is newer: what it names has to be had before it is accepted.
    struct Candidate {
        var grant: PolicyGrant
        var sight: PolicySight
    }

    /// An order that was taken and waits for its pass.
    private struct WaitingOrder {
        var kind: PolicyOrder.Kind
        var push: PrincipalID?
        var notAfter: WallTime
    }

    /// Whose word counts, as the agent's own sight of its owner says.
    struct Owner {
        var partition: PartitionName?
        var register: Bytes32?
        var reign: PartitionEpoch?

        init(_ sight: OwnerSight) {
            partition = sight.freshness?.register.owner
            register = sight.freshness?.register.hash
            reign = sight.freshness?.epoch
        }
    }

    let work: PolicyWork
    let trust: OwnerTrust
    let store: PolicyCacheStore
    private(set) var sight: PolicySight
    /// What is in force; nil before the first, and where what was kept is damaged.
    private(set) var held: PolicyGrant?
    /// When it was accepted.
    private(set) var acceptedAt: WallTime?
    /// The machine as the roster has it, as far as it was told.
    private(set) var machine: StandingFacts
    /// Whether that is durable: not where a full disk had no room for it.
    private var isMachineKept = true
    /// Whether a pass is to be made without waiting for its time.
    var isDue = true
    /// The orders that the next pass carries out, in the order in which they came: the last of each kind.
    private var orders: [WaitingOrder] = []
    /// When the owner was heard last, by a clock that nobody sets.
    private(set) var heardAt: ContinuousClock.Instant?
    /// Why an owner withholds a newer one, or has none.
    private(set) var note: String?
    /// What is the matter now; nil where nothing is.
    private(set) var trouble: PolicyTrouble?

    /// Reads what was kept. What is damaged is let go of and told as `trouble`: it comes anew.
    init(_ work: PolicyWork, trust: OwnerTrust, store: PolicyCacheStore) throws(StoreError) {
        (self.work, self.trust, self.store, machine) = (work, trust, store, work.machine)
        sight = PolicySight()
        if let bytes = try store.sight() {
            var decoder = CanonicalDecoder(bytes)
            if let known = try? PolicySight(from: &decoder) { sight = known }
        }
        switch try store.load() {
        case .none: break
        case .damaged(let why): try discard(why)
        case .whole(let policy):
            do {
                try take(policy)
            } catch { try discard(error) }
        }
    }

    /// Why what was kept is not taken.
    private enum Damage: Error {
        /// It does not fit together.
        case damaged(String)
        /// It is what was written, and in another form than this build's.
        case outdated
    }

    /// What was kept, where it fits together: nothing is believed that its digests do not bear.
    private mutating func take(_ policy: CachedPolicy) throws(Damage) {
        let grant: PolicyGrant
        do {
            grant = try PolicyGrant(policy.grant)
        } catch { throw .outdated }
        guard grant.leaf.envoy == work.machine.id, grant.leaf.hash(by: trust.witness) == sight.accepted?.leaf else {
            throw .damaged("its grant is not the one that was accepted")
        }
        if let why = Self.mismatch(grant.leaf, body: policy.body, box: policy.box, trust) { throw .damaged(why) }
        (held, acceptedAt) = (grant, policy.acceptedAt)
        if isMachineKept, let known = try? APIJSON.decode(StandingFacts.self, from: Data(policy.machine)),
            known.id == work.machine.id
        {
            machine = known
        }
    }

    /// Lets go of what was kept; what was seen stays, so that nothing older comes in its place.
    mutating func discard(_ why: String) throws(StoreError) { try discard(.damaged(why)) }

    private mutating func discard(_ damage: Damage) throws(StoreError) {
        try store.discard()
        (held, acceptedAt) = (nil, nil)
        trouble =
            switch damage {
            case .damaged(let why): .damaged(why)
            case .outdated: .outdated
            }
    }

    /// Why a body or a box is not what a leaf names; nil where both are.
    static func mismatch(_ leaf: PolicyLeaf, body: [UInt8]?, box: [UInt8]?, _ trust: OwnerTrust) -> String? {
        if let body, trust.witness.hash(body) != leaf.body { return "the body is not the one that its leaf names" }
        guard (box.map { trust.witness.hash($0) } ?? .zero) == leaf.box else {
            return "the box of secrets is not the one that its leaf names"
        }
        return nil
    }

    /// The policy with all of its parts, read anew: it is not kept in memory between passes.
    mutating func load() throws(StoreError) -> CachedPolicy? {
        guard held != nil else { return nil }
        let found = try store.load()
        if case .whole(let policy) = found {
            do {
                try take(policy)
                return policy
            } catch {
                try discard(error)
                return nil
            }
        }
        if case .damaged(let why) = found { try discard(why) } else { try discard("it is gone") }
        return nil
    }

    // MARK: What an answer says

    /// Whether the owner was heard lately.
    var isHeard: Bool { heardAt.map { .now - $0 <= work.window } ?? false }

    /// Takes what an answer says beside a grant. `isOwners`: whether a bolt of the owner's gave it.
    mutating func hear(
        _ policy: CheckInPolicy, of owner: Owner, from address: String, isOwners: Bool
    ) throws(StoreError) {
        note = policy.reason
        let before = sight
        try learn(policy.machine)
        var isFresh = isOwners && policy.state != .covered
        if let beacon = policy.beacon {
            do throws(PolicyRefusal) {
                let isWord = try hear(beacon.bytes, of: owner)
                isFresh = policy.state != .covered && (isFresh || isWord)
            } catch {
                if error != .replayed {
                    isFresh = false
                    trouble = PolicyTrouble(error, of: "a word of freshness", from: address)
                }
            }
        }
        if sight != before { try keepHeard(since: before) }
        if isFresh { heardAt = .now }
        if let order = policy.order { try obey(order.bytes, push: policy.push, of: owner, from: address) }
    }

    /// Whether it is the owner's word now, whoever passed it on.
    private mutating func hear(_ bytes: [UInt8], of owner: Owner) throws(PolicyRefusal) -> Bool {
        let beacon: SignedPolicyBeacon
        do {
            beacon = try SignedPolicyBeacon(bytes)
        } catch { throw .malformed(error) }
        // All answers within its half minute bring the same one, also to the next process of this machine.
        if beacon.beacon == sight.beacon { return believedNow.map { $0 <= beacon.beacon.notAfter } ?? false }
        try sight.note(
            beacon, owner: owner.partition, register: owner.register, reign: owner.reign, mesh: trust.mesh,
            witness: trust.witness)
        return true
    }

    /// An order is carried out once: it is durable that it was taken before anything is done by it.
    private mutating func obey(
        _ bytes: [UInt8], push: PrincipalID?, of owner: Owner, from address: String
    ) throws(StoreError) {
        var seen = sight
        let order: PolicyOrder
        do throws(PolicyRefusal) {
            order = try Self.judge(bytes, by: &seen, self, owner)
        } catch {
            // It comes with each answer until its time is over.
            if error != .replayed { trouble = PolicyTrouble(error, of: "an order", from: address) }
            return
        }
        try keep(seen)
        orders.removeAll { $0.kind == order.kind }
        orders.append(WaitingOrder(kind: order.kind, push: push, notAfter: order.notAfter))
        isDue = true
    }

    private static func judge(
        _ bytes: [UInt8], by seen: inout PolicySight, _ desk: PolicyDesk, _ owner: Owner
    ) throws(PolicyRefusal) -> PolicyOrder {
        let signed: SignedPolicyOrder
        do {
            signed = try SignedPolicyOrder(bytes)
        } catch { throw .malformed(error) }
        try seen.obey(
            signed, of: desk.machine.id, owner: owner.partition, register: owner.register, reign: owner.reign,
            mesh: desk.trust.mesh, witness: desk.trust.witness, now: desk.believedNow)
        return signed.order
    }

    private mutating func learn(_ told: CheckInMachine?) throws(StoreError) {
        guard let told else { return }
        let known = StandingFacts(id: machine.id, name: told.name, group: told.group, labels: told.labels)
        guard known != machine || !isMachineKept else { return }
        if known != machine { (machine, isDue) = (known, true) }
        isMachineKept = false
        do throws(StoreError) {
            try store.remember(machine: machineBytes, at: work.now())
            isMachineKept = true
        } catch {
            // They hold all the same, and come with each answer: nothing else of it is to be held up.
            guard error.code == .full else { throw error }
        }
    }

    /// Keeps what a word of freshness changed. On a full disk one that says no more than that its owner lives, in the
    /// epoch that was known, is believed without: the next comes within a minute, and would be refused as well, each
    /// answer with it, and nothing that waits would ever be told.
    private mutating func keepHeard(since before: PolicySight) throws(StoreError) {
        do throws(StoreError) {
            try keep(sight)
        } catch {
            let (was, now) = (before.beacon, sight.beacon)
            guard error.code == .full, was?.partition == now?.partition, was?.epoch == now?.epoch else {
                sight = before
                throw error
            }
        }
    }

    private var machineBytes: [UInt8] { (try? APIJSON.encode(machine)).map { Array($0) } ?? [] }

    /// This machine's clock, unless it stands before what its owner said last.
    private var believedNow: WallTime? {
        let now = work.now()
        guard let at = sight.beacon?.at, at.milliseconds > now.milliseconds + PolicyLimits.clockSkewSeconds * 1_000
        else { return now }
        return nil
    }

    /// Keeps what was seen, where it changed.
    mutating func keep(_ seen: PolicySight) throws(StoreError) {
        try store.remember(sight: seen.canonicalBytes, at: work.now())
        sight = seen
    }

    // MARK: A new policy

    /// Judges a grant. Nothing is accepted yet.
    mutating func judge(_ bytes: [UInt8], of owner: Owner, from address: String) -> Candidate? {
        var seen = sight
        do throws(PolicyRefusal) {
            let grant: PolicyGrant
            do {
                grant = try PolicyGrant(bytes)
            } catch { throw PolicyRefusal.malformed(error) }
            try seen.accept(
                grant, of: machine.id, owner: owner.partition, register: owner.register, reign: owner.reign,
                mesh: trust.mesh, witness: trust.witness)
            return Candidate(grant: grant, sight: seen)
        } catch {
            trouble = PolicyTrouble(error, of: "a policy", from: address)
            return nil
        }
    }

    /// Accepts a grant with what it names: durable, whole, when this returns true. Else what was in force stays, and
    /// `trouble` says why.
    mutating func accept(
        _ candidate: Candidate, body: [UInt8], box: [UInt8]?, from address: String
    ) throws(StoreError) -> Bool {
        let leaf = candidate.grant.leaf
        let box = leaf.box == .zero ? nil : box
        if let why = Self.mismatch(leaf, body: body, box: box, trust) {
            trouble = .mismatch(candidate.grant.signed.head, from: address, why)
            return false
        }
        do {
            _ = try PolicyBody(bytes: body)
        } catch {
            trouble = .mismatch(candidate.grant.signed.head, from: address, "\(error)")
            return false
        }
        if let box {
            do {
                _ = try SealedSecrets.open(box, with: work.sealingKey)
            } catch {
                trouble = .mismatch(candidate.grant.signed.head, from: address, "its secrets: \(error.why)")
                return false
            }
        }
        let now = work.now()
        try store.accept(
            CachedPolicy(
                sight: candidate.sight.canonicalBytes, grant: candidate.grant.canonicalBytes, body: body, box: box,
                machine: machineBytes, acceptedAt: now))
        sight = candidate.sight
        (held, acceptedAt, trouble, isDue) = (candidate.grant, now, nil, true)
        isMachineKept = true
        return true
    }

    /// Notes what kept a policy from being accepted.
    mutating func fail(_ trouble: PolicyTrouble) { self.trouble = trouble }

    /// The owner says that what is held is what is to be in force: what was the matter is over.
    mutating func settle() { trouble = nil }

    /// A pass begins: it is no longer due, and takes the orders that wait with it. What they allow together, and the
    /// push of the last, where its owner says so; nil where none waits. One whose time is over since it came, behind a
    /// long pass, calls for nothing.
    mutating func begin() -> (kind: PolicyOrder.Kind, push: PrincipalID?)? {
        let now = believedNow
        let timely = orders.filter { order in now.map { $0 <= order.notAfter } ?? true }
        (isDue, orders) = (false, [])
        guard let last = timely.last else { return nil }
        return (timely.contains { $0.kind == .applyDisruptive } ? .applyDisruptive : last.kind, last.push)
    }
}
