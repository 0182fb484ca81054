import CRDT
import Spanner

/// Versions and orders: what owners make, and what envoys do with it.
extension EnvoySimulation {
    private func clock() -> WallTime { WallTime(milliseconds: 1_000_000 + now / 1000) }

    // MARK: - At the owner

    /// A partition makes a version: some of its envoys are to have something else.
    func publish(at partition: Int) {
        let state = partitions[partition]
        guard state.isUp else { return }
        let served = envoys.filter { walk($0.slice, in: state.registers)?.owner == state.name }
        guard !served.isEmpty else { return }
        let before = PolicyTree(state.tables.version?.leaves ?? [], by: witness)
        var leaves: [PolicyLeaf] = []
        for envoy in served {
            let old = before.leaf(of: envoy.id)
            if let old, chance(40) {
                leaves.append(old)
            } else {
                leaves.append(leaf(of: envoy.id, instead: old))
            }
        }
        let gone = before.all.map(\.envoy).filter { id in !served.contains { $0.id == id } }
        let tree = before.replacing(leaves, removing: gone, by: witness)
        checkTree(tree, leaves)
        let head = PolicyHead(
            partition: state.name, epoch: state.epoch,
            sequence: (state.tables.version?.signed.head.sequence ?? 0) + 1, root: tree.root,
            count: UInt64(tree.count), revision: "body \(nextBody)", made: clock())
        let identity = state.identity
        let signed = SignedPolicyHead(
            head, warrant: identity.warrant, signature: identity.signer.sign(head.signedBytes(in: TestIdentity.mesh)))
        count(work: "versions")
        trace.keep(now, "\(state.name) makes version \(head.sequence) in epoch \(state.epoch.number)")
        let changed = tree.all.filter { before.leaf(of: $0.envoy) != $0 }.map(\.envoy)
        partitions[partition].append(
            .version(EnvoySimVersion(signed: signed, leaves: tree.all, changed: changed)))
    }

    /// Another leaf than the one before; of some the terms alone are others.
    private func leaf(of envoy: PrincipalID, instead old: PolicyLeaf?) -> PolicyLeaf {
        var leaf = PolicyLeaf(
            envoy: envoy, body: TestWitness.digest([UInt8(nextBody & 0xFF), 7]),
            box: TestWitness.digest(Array("box \(nextBody)".utf8)), terms: PolicyTerms(maxAgeSeconds: nextBody))
        if let old, nextBody.isMultiple(of: 5) { (leaf.body, leaf.box) = (old.body, old.box) }
        nextBody += 1
        return leaf
    }

    /// The roll-out of the version in force, begun anew by each primary.
    func rollOut(at partition: Int) {
        guard let version = givenVersion(of: partitions[partition]) else { return }
        let name = partitions[partition].name
        versions[name, default: []].insert(version.signed.head.root)
        guard partitions[partition].rolloutOf != version.signed.head.sequence else { return }
        partitions[partition].rolloutOf = version.signed.head.sequence
        partitions[partition].given = []
        partitions[partition].rollout = Rollout(
            policy: RolloutPolicy(maxConcurrent: 1 + generator.below(3), minStanding: 0, maxFail: 100),
            machines: UInt64(version.leaves.count))
        tellRollout(partition, .offered(version.leaves.map(\.envoy)))
    }

    private func givenVersion(of state: EnvoySimPartition) -> EnvoySimVersion? {
        options.has(.versionGivenUnsafe) ? state.tables.version : state.safeTables.version
    }

    private func tellRollout(_ partition: Int, _ event: Rollout.Event) {
        guard let effects = partitions[partition].rollout?.step(event) else { return }
        for effect in effects {
            switch effect {
            case .give(let envoys):
                partitions[partition].given.formUnion(envoys)
                tellRollout(partition, .given(envoys))
            case .finished: count(work: "roll-outs finished")
            case .halted, .notify: break
            }
        }
    }

    /// What an owner adds to its answer.
    func addPolicy(_ reply: inout EnvoySimReply, to request: EnvoySimRequest, at partition: Int, of ghost: Bool) {
        let envoy = envoys[request.envoy].id
        if !ghost { rollOut(at: partition) }
        let state = ghost ? self.ghost?.state ?? partitions[partition] : partitions[partition]
        if let version = givenVersion(of: state) {
            let tree = PolicyTree(version.leaves, by: witness)
            let isHeld = tree.leaf(of: envoy)?.hash(by: witness) == request.heldLeaf
            if isHeld, !ghost { tellRollout(partition, .succeeded(envoy)) }
            if !isHeld, ghost || partitions[partition].given.contains(envoy) {
                reply.grant = PolicyGrant(version.signed, of: envoy, in: tree)?.canonicalBytes
            }
        }
        let beacon = PolicyBeacon(
            partition: state.name, epoch: state.epoch,
            sequence: state.safeTables.version?.signed.head.sequence ?? 0, at: clock())
        let identity = state.identity
        reply.beacon =
            SignedPolicyBeacon(
                beacon, warrant: identity.warrant,
                signature: identity.signer.sign(beacon.signedBytes(in: TestIdentity.mesh))
            ).canonicalBytes
        reply.order = state.safeTables.orders[envoy]?.canonicalBytes
    }

    /// An operator has a machine apply now.
    func order(at partition: Int) {
        guard partitions[partition].isUp, !envoys.isEmpty else { return }
        let state = partitions[partition]
        let order = PolicyOrder(
            partition: state.name, epoch: state.epoch, sequence: state.tables.orderCount + 1,
            envoy: envoys[Int(generator.below(UInt64(envoys.count)))].id, kind: .applyNow,
            notAfter: WallTime(milliseconds: clock().milliseconds + 60_000))
        let identity = state.identity
        partitions[partition].append(
            .order(
                SignedPolicyOrder(
                    order, warrant: identity.warrant,
                    signature: identity.signer.sign(order.signedBytes(in: TestIdentity.mesh)))))
        count(work: "orders")
    }

    // MARK: - At the envoy

    /// Takes what an answer brings of policy; false where the process died over it.
    func takePolicy(_ reply: EnvoySimReply, by envoy: Int) -> Bool {
        if let bytes = reply.grant, !take(grant: bytes, by: envoy) { return false }
        if let bytes = reply.beacon { note(beacon: bytes, by: envoy) }
        if let bytes = reply.order, !take(order: bytes, by: envoy) { return false }
        return true
    }

    private func take(grant bytes: [UInt8], by envoy: Int) -> Bool {
        let freshness = envoys[envoy].disk.sight.freshness
        var sight = options.has(.grantReplayed) ? PolicySight() : envoys[envoy].disk.policy
        do throws(PolicyRefusal) {
            let grant: PolicyGrant
            do throws(DecodingFailure) { grant = try PolicyGrant(bytes) } catch { throw .malformed(error) }
            let id = options.has(.otherEnvoysGrant) ? grant.leaf.envoy : envoys[envoy].id
            let owner = options.has(.otherOwnersGrant) ? grant.signed.head.partition : freshness?.register.owner
            try sight.accept(
                grant, of: id, owner: owner, register: freshness?.register.hash, reign: freshness?.epoch,
                mesh: TestIdentity.mesh, witness: witness)
            let isNew = sight.accepted?.leaf != envoys[envoy].disk.heldLeaf
            if !options.has(.grantReplayed) { envoys[envoy].disk.policy = sight }
            envoys[envoy].disk.heldLeaf = sight.accepted?.leaf
            guard commit(envoy) else { return false }
            count(work: isNew ? "versions applied" : "versions applied again")
            act(on: grant, by: envoy)
        } catch {
            count(work: "grants refused: \(EnvoySimulation.word(error))")
        }
        return true
    }

    private func act(on grant: PolicyGrant, by envoy: Int) {
        checkApplied(grant, by: envoy)
        envoys[envoy].applied = grant.leaf
    }

    private func note(beacon bytes: [UInt8], by envoy: Int) {
        let freshness = envoys[envoy].disk.sight.freshness
        do throws(PolicyRefusal) {
            let beacon: SignedPolicyBeacon
            do throws(DecodingFailure) { beacon = try SignedPolicyBeacon(bytes) } catch { throw .malformed(error) }
            try envoys[envoy].disk.policy.note(
                beacon, owner: freshness?.register.owner, register: freshness?.register.hash,
                reign: freshness?.epoch, mesh: TestIdentity.mesh, witness: witness)
        } catch {
            count(work: "beacons refused: \(EnvoySimulation.word(error))")
        }
    }

    private func take(order bytes: [UInt8], by envoy: Int) -> Bool {
        let freshness = envoys[envoy].disk.sight.freshness
        var sight = options.has(.orderReplayed) ? PolicySight() : envoys[envoy].disk.policy
        do throws(PolicyRefusal) {
            let signed: SignedPolicyOrder
            do throws(DecodingFailure) { signed = try SignedPolicyOrder(bytes) } catch { throw .malformed(error) }
            let id = options.has(.otherEnvoysOrder) ? signed.order.envoy : envoys[envoy].id
            // Half of the machines do not believe their clocks.
            try sight.obey(
                signed, of: id, owner: freshness?.register.owner, register: freshness?.register.hash,
                reign: freshness?.epoch, mesh: TestIdentity.mesh, witness: witness,
                now: envoy % 2 == 0 ? nil : clock())
            if !options.has(.orderReplayed) { envoys[envoy].disk.policy = sight }
            guard commit(envoy) else { return false }
            count(work: "orders obeyed")
            checkObeyed(signed.order, by: envoy)
        } catch {
            count(work: "orders refused: \(EnvoySimulation.word(error))")
        }
        return true
    }

    static func word(_ refusal: PolicyRefusal) -> String {
        switch refusal {
        case .forged: "forged"
        case .otherEnvoy: "other envoy"
        case .otherPartition: "other partition"
        case .superseded: "superseded"
        case .replayed: "replayed"
        case .malformed: "malformed"
        case .expired: "expired"
        }
    }
}
