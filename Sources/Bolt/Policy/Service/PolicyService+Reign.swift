internal import BoltAPI
internal import CRDT
internal import Logging
internal import Policy
internal import Spanner
internal import SpannerStore

extension PolicyService {
    /// Begins where this bolt reigns now, from what the journal holds, and ends where it does no more. What envoys were
    /// shown before goes on under its old signature.
    func followReign() async {
        let epoch = await partition.read { service in
            service.broken == nil && !service.closed && !service.sealing.isSealed ? service.reign : nil
        }
        guard epoch != reign?.epoch else { return }
        endReign()
        guard let epoch else { return }
        do {
            let begun = try await load(epoch)
            reign = begun
            showPicture(begun)
            logger.info(
                "policy is served here",
                metadata: [
                    LogKeys.epoch: "\(epoch.number)", LogKeys.count: "\(begun.rows.count)",
                    LogKeys.version: "\(begun.sequence)",
                ])
            await resumeRollout()
            await resumePushes()
        } catch {
            logger.error("the partition's policy cannot be read", metadata: [LogKeys.why: "\(error)"])
        }
    }

    /// What is asked of this reign is read from the tables again with the next look.
    func forgetReign() { endReign() }

    private func endReign() {
        guard reign != nil else { return }
        (reign, hold, beaconAt, outcomes) = (nil, nil, nil, [:])
        board.clear()
        waiters.dismiss()
    }

    private func showPicture(_ reign: PolicyReign) {
        guard let head = reign.head, !reign.isTorn else { return }
        board.show(PolicyPicture(head, reign.tree, witness: witness), waiting: reign.waiting)
    }

    private func load(_ epoch: PartitionEpoch) async throws -> PolicyReign {
        var begun = PolicyReign(epoch: epoch, witness: witness)
        try await loadRows(&begun)
        let found = try await partition.read { service in
            let tables = service.store.tables.policy
            let version = try tables.versionInForce()
            return (
                version: version, head: try tables.head(), freeze: try tables.freeze(),
                ordered: try tables.orderedThrough(), files: try version.flatMap { try tables.stack($0.stack) }
            )
        }
        begun.head = found.head.flatMap { try? SignedPolicyHead($0.bytes) }
        if found.head != nil, begun.head == nil {
            // What its envoys hold stays in force until the next look has made it anew, under the next number.
            logger.notice("the policy's head is in the form of another build: it is made anew")
        }
        begun.version = found.version
        begun.freeze = found.freeze.flatMap { $0.isFrozen ? $0 : nil }
        begun.ordered = found.ordered
        begun.stack = found.files.flatMap { try? Stack.read($0.stackFiles, isKept: true).get() }
        let sequences = [found.version?.sequence, found.head?.sequence].compactMap { $0 }
        begun.sequence = max(sequences.max() ?? 0, begun.rows.values.map(\.since).max() ?? 0)
        begun.tree = PolicyTree(begun.rows.values.map(\.leaf), by: witness)
        let isWhole = begun.head.map { $0.head.root == begun.tree.root } ?? begun.rows.isEmpty
        begun.isTorn = !isWhole
        return begun
    }

    /// Leaves and deliveries, page by page: whoever waits for the journal meanwhile has its turn.
    private func loadRows(_ begun: inout PolicyReign) async throws {
        var last: PrincipalID?
        repeat {
            let after = last
            let page = try await partition.read {
                try $0.store.tables.policy.leaves(after: after, limit: PolicyServiceLimits.envoysPerTurn)
            }
            for row in page {
                begun.rows[row.envoy] = LeafInForce(
                    leaf: PolicyLeaf(envoy: row.envoy, body: row.body, box: row.box, terms: row.terms),
                    since: row.sequence)
            }
            last = page.count == PolicyServiceLimits.envoysPerTurn ? page.last?.envoy : nil
        } while last != nil
        repeat {
            let after = last
            let page = try await partition.read {
                try $0.store.tables.policy.deliveries(after: after, limit: PolicyServiceLimits.envoysPerTurn)
            }
            for delivery in page {
                begun.deliveries[delivery.envoy] = Delivered(sequence: delivery.sequence, outcome: delivery.outcome)
            }
            last = page.count == PolicyServiceLimits.envoysPerTurn ? page.last?.envoy : nil
        } while last != nil
    }

    // MARK: - The fleet

    /// Looks which envoys the partition owns, where anything may have changed that.
    func lookAtFleet() async throws {
        let changes = await surroundings.fleetChanges()
        guard let epoch = reign?.epoch, reign?.fleet == nil || changes != seenFleet else { return }
        var fleet: [PrincipalID: FleetMember] = [:]
        var place: Int? = 0
        while let from = place {
            let page = await surroundings.fleet(from, PolicyServiceLimits.envoysPerTurn)
            for var member in page.members {
                // One id under two keys: whoever it is, nothing new is given.
                if fleet[member.facts.id] != nil { member.isContested = true }
                fleet[member.facts.id] = member
            }
            place = page.next
        }
        guard reign?.epoch == epoch else { return }
        seenFleet = changes
        let before = reign?.fleet
        reign?.fleet = fleet
        if let before {
            for (id, member) in fleet where before[id] != member { reign?.dirty.insert(id) }
            for id in before.keys where fleet[id] == nil { reign?.dirty.insert(id) }
        } else {
            // The first look of a reign: what is in force may be of another fleet.
            let rows = reign.map { Array($0.rows.keys) } ?? []
            reign?.dirty = Set(fleet.keys).union(rows)
        }
        if let reign, !reign.dirty.isEmpty { await tellFleet(reign.dirty.filter { fleet[$0] == nil }, fleet.count) }
    }
}

extension PolicyFiles {
    /// As a stack is read from them.
    var stackFiles: [StackFile] { files.map { StackFile(path: $0.path, bytes: $0.bytes) } }
}
