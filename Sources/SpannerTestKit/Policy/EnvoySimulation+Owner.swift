import CRDT
import Spanner

/// What a liar heard of others, to tell it again: it has no key but its own partition's.
struct EnvoySimHearsay {
    static let repliesMax = 120
    /// Answers of owners, with whom and which queue they were for.
    var replies: [(envoy: Int, queue: QueueID, reply: EnvoySimReply)] = []

    mutating func add(_ envoy: Int, _ queue: QueueID, _ reply: EnvoySimReply) {
        replies.append((envoy, queue, reply))
        if replies.count > EnvoySimHearsay.repliesMax { replies.removeFirst() }
    }
}

/// Bolts: the owner's, those that pass on or keep for it, a former primary, and one that lies.
extension EnvoySimulation {
    static let liar = PartitionName(checked: "east")

    func serve(_ request: EnvoySimRequest, at server: Int) {
        guard partitions.indices.contains(server) else { return lie(to: request) }
        if let ghost, ghost.partition == server, now < ghost.until, chance(60) { return haunt(request) }
        guard partitions[server].isUp else { return }
        let slice = envoys[request.envoy].slice
        guard let walk = walk(slice, in: partitions[server].registers), let owner = index(of: walk.owner)
        else { return }
        var reply: EnvoySimReply?
        if owner == server {
            reply = own(request, at: server, walk)
        } else if partitions[owner].isUp, !chance(healedAt == nil ? 15 : 0),
            let theirs = self.walk(slice, in: partitions[owner].registers), theirs.owner == partitions[owner].name
        {
            reply = own(request, at: owner, theirs)
            reply?.from = partitions[server].name
            if reply != nil { count(work: "answers passed on") }
        } else if healedAt == nil {
            reply = keep(request, at: server)
        }
        if let reply { answer(reply, to: request) }
    }

    func answer(_ reply: EnvoySimReply, to request: EnvoySimRequest) {
        guard !loses() else { return }
        let slow = options.hasBadNetwork && healedAt == nil && chance(4) ? 1200 * Self.millisecond : 0
        queue.push(
            .reply(reply, to: request, life: envoys[request.envoy].life), at: later(20) + slow)
    }

    /// The owner stores what is new, and says what it has, and what of it is safe.
    private func own(_ request: EnvoySimRequest, at partition: Int, _ walk: SliceWalk) -> EnvoySimReply {
        var reply = EnvoySimReply(
            source: .owner(partitions[partition].name, partitions[partition].epoch),
            from: partitions[partition].name, epoch: partitions[partition].epoch.number)
        checkHole(request, at: partition)
        reply.contradicts = !store(request, in: &partitions[partition])
        fill(&reply, request, partitions[partition], walk)
        addPolicy(&reply, to: request, at: partition, of: false)
        heard.add(request.envoy, request.queue, reply)
        return reply
    }

    /// Stores what fits; false where it has other results under these numbers.
    @discardableResult
    func store(_ request: EnvoySimRequest, in state: inout EnvoySimPartition) -> Bool {
        let row = state.tables.rows[request.queue]
        let through = row?.through ?? 0
        if !options.has(.sequenceReused) {
            for place in request.places where place.sequence <= through {
                if let known = row?.items[place.sequence], known != place.item {
                    count(work: "contradictions")
                    return false
                }
            }
        }
        let new = request.places.filter { $0.sequence > through }
        guard !new.isEmpty || request.firstHeld > through + 1 else { return true }
        state.append(.results(request.queue, envoy: request.envoy, firstHeld: request.firstHeld, new))
        return true
    }

    private func fill(
        _ reply: inout EnvoySimReply, _ request: EnvoySimRequest, _ state: EnvoySimPartition, _ walk: SliceWalk
    ) {
        let identity = state.identity
        reply.storedThrough = state.tables.rows[request.queue]?.through ?? 0
        reply.releaseThrough = state.safeTables.rows[request.queue]?.through ?? 0
        let told = request.told(by: witness)
        reply.told = told
        let receipt = OwnerReceipt(
            register: walk.register.hash, epoch: state.epoch.number, queue: request.queue, told: told,
            storedThrough: reply.storedThrough, releaseThrough: reply.releaseThrough)
        // Who contradicts refuses the report, and signs no receipt for it.
        if !reply.contradicts { reply.signature = identity.signer.sign(receipt.signedBytes(in: TestIdentity.mesh)) }
        guard request.remembered != walk.register.hash || request.epoch != state.epoch.number else { return }
        let signature = SliceVoucher.Signature(
            warrant: identity.warrant,
            bytes: identity.signer.sign(
                SliceVoucher.signedBytes(walk.register, state.epoch, in: TestIdentity.mesh)))
        reply.voucher = state.registers.voucher(
            walk, epoch: state.epoch, remembered: request.remembered, signature: signature)
    }

    /// A sibling keeps what the absent owner is to have, and serves what it has of its policy.
    private func keep(_ request: EnvoySimRequest, at server: Int) -> EnvoySimReply {
        count(work: "reports kept")
        partitions[server].custody.append(request)
        var reply = EnvoySimReply(source: .custody, from: partitions[server].name, epoch: request.epoch)
        reply.storedThrough = request.places.last?.sequence ?? 0
        let grant = partitions[server].covers[envoys[request.envoy].id]
        if let grant, grant.leaf.hash(by: witness) != request.heldLeaf {
            count(work: "versions covered")
            reply.grant = grant.canonicalBytes
        }
        return reply
    }

    /// A former primary takes what it is told, on its own disk alone.
    private func haunt(_ request: EnvoySimRequest) {
        guard var ghost, let walk = walk(envoys[request.envoy].slice, in: ghost.state.registers),
            walk.owner == ghost.state.name
        else { return }
        count(work: "answers of former primaries")
        var reply = EnvoySimReply(
            source: .owner(ghost.state.name, ghost.state.epoch), from: ghost.state.name,
            epoch: ghost.state.epoch.number)
        reply.contradicts = !store(request, in: &ghost.state)
        self.ghost = ghost
        fill(&reply, request, ghost.state, walk)
        addPolicy(&reply, to: request, at: ghost.partition, of: true)
        heard.add(request.envoy, request.queue, reply)
        answer(reply, to: request)
    }

    /// A bolt of a partition that owns nothing: it tells again what it heard, of this envoy or of another, and claims
    /// what it likes. It cannot sign as an owner.
    private func lie(to request: EnvoySimRequest) {
        guard healedAt == nil, !heard.replies.isEmpty else { return }
        count(fault: "lies")
        let own = heard.replies.filter { $0.envoy == request.envoy && $0.queue == request.queue }
        let any = heard.replies[Int(generator.below(UInt64(heard.replies.count)))].reply
        var reply: EnvoySimReply
        if own.isEmpty {
            reply = EnvoySimReply(source: .custody, from: Self.liar, epoch: request.epoch)
        } else {
            reply = own[Int(generator.below(UInt64(own.count)))].reply
            // The best that it has under the owner whom the envoy knows.
            let best = own.filter { $0.reply.epoch == request.epoch }.map(\.reply)
                .max { $0.releaseThrough < $1.releaseThrough }
            if let best, chance(60) { reply = best }
            reply.contradicts = false
        }
        reply.from = Self.liar
        if chance(30) {
            // What was heard once, as if it were all safe now, in the epoch that the envoy knows.
            (reply.epoch, reply.voucher, reply.signature) = (request.epoch, nil, nil)
            (reply.source, reply.releaseThrough) = (.custody, reply.storedThrough)
        }
        if chance(50) { (reply.grant, reply.order) = (any.grant ?? reply.grant, any.order ?? reply.order) }
        if chance(30) { reply.beacon = any.beacon }
        answer(reply, to: request)
    }

    // MARK: - Between bolts

    func replicate(_ partition: Int) {
        if !isOver { queue.push(.replicate(partition), at: now + (20 + generator.below(120)) * Self.millisecond) }
        guard partitions[partition].isUp, now >= partitions[partition].outageUntil else { return }
        while partitions[partition].safe < partitions[partition].journal.count {
            partitions[partition].becomeSafe(partitions[partition].safe + 1)
            noteSafeVersion(of: partitions[partition])
        }
    }

    func noteSafeVersion(of state: EnvoySimPartition) {
        guard let root = state.safeTables.version?.signed.head.root else { return }
        versions[state.name, default: []].insert(root)
    }

    func gossip() {
        if !isOver { queue.push(.gossip, at: now + (30 + generator.below(150)) * Self.millisecond) }
        let (from, to) = (Int(generator.below(3)), Int(generator.below(3)))
        guard from != to, partitions[from].isUp, partitions[to].isUp else { return }
        partitions[to].registers.merge(partitions[from].registers)
        deliverCustody(at: to)
        cover(from: from, at: to)
    }

    private func deliverCustody(at partition: Int) {
        let kept = partitions[partition].custody
        partitions[partition].custody = []
        for request in kept {
            guard let walk = walk(envoys[request.envoy].slice, in: partitions[partition].registers),
                let owner = index(of: walk.owner), partitions[owner].isUp,
                self.walk(envoys[request.envoy].slice, in: partitions[owner].registers)?.owner == walk.owner
            else {
                partitions[partition].custody.append(request)
                continue
            }
            store(request, in: &partitions[owner])
            count(work: "reports brought to their owner")
        }
    }

    /// A sibling copies what envoys of another partition are given.
    private func cover(from owner: Int, at partition: Int) {
        guard let version = partitions[owner].safeTables.version else { return }
        let tree = PolicyTree(version.leaves, by: witness)
        for leaf in version.leaves where partitions[owner].given.contains(leaf.envoy) {
            partitions[partition].covers[leaf.envoy] = PolicyGrant(version.signed, of: leaf.envoy, in: tree)
        }
    }
}
