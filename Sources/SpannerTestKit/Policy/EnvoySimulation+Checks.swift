import CRDT
import Spanner

/// The checkers of P5, P6 and S8. They know what no envoy knows, and no deliberate fault touches what they remember.
extension EnvoySimulation {
    // MARK: - Results

    /// P5: nothing is dropped without being counted.
    func checkQueue(_ envoy: Int) {
        let disk = envoys[envoy].disk
        guard disk.truth.dropped != disk.truth.marked + disk.dropped else { return }
        violate(
            "P5", "envoy \(envoy) dropped \(disk.truth.dropped) results and counts \(disk.truth.marked + disk.dropped)")
    }

    /// P5: a queue is begun anew only where its disk was put back.
    func checkStartOver(_ envoy: Int) {
        guard !envoys[envoy].disk.truth.wasRestored else { return }
        violate("P5", "envoy \(envoy) begins its queue anew, and its disk was never put back")
    }

    /// P5: an owner lacks what an envoy has deleted only where the owner was put back.
    func checkHole(_ request: EnvoySimRequest, at partition: Int) {
        let next = (partitions[partition].tables.rows[request.queue]?.through ?? 0) + 1
        guard request.firstHeld > next, restored.isEmpty, !envoys[request.envoy].disk.truth.wasRestored
        else { return }
        violate("P5", "envoy \(request.envoy) has deleted from \(next) on what its owner does not have")
    }

    /// P6: nothing is obeyed of an epoch that is over, be it only what is stored.
    func checkAnswer(_ reply: EnvoySimReply, by envoy: Int) {
        let disk = envoys[envoy].disk
        guard case .owner(let name, let epoch) = reply.source, name == disk.sight.freshness?.register.owner,
            epoch < disk.truth.authority.epoch
        else { return }
        violate(
            "P6",
            "envoy \(envoy) obeys \(name) in epoch \(epoch.number), after it saw "
                + "\(disk.truth.authority.epoch.number)")
    }

    /// P6: what is deleted is safe at the owner, and the owner of now said so.
    func checkRelease(_ envoy: Int, _ queue: QueueID, through: UInt64) {
        let state = envoys[envoy]
        guard let reply = state.obeying, case .owner(let name, let epoch) = reply.source else {
            return violate("P6", "envoy \(envoy) deletes up to \(through) on the word of no owner")
        }
        let freshness = state.disk.sight.freshness
        guard name == freshness?.register.owner, epoch >= state.disk.truth.authority.epoch else {
            return violate(
                "P6",
                "envoy \(envoy) deletes on the word of \(name) in epoch \(epoch.number), after it saw "
                    + "\(state.disk.truth.authority.epoch.number) of \(freshness?.register.owner.text ?? "nobody")")
        }
        guard let owner = owner(of: state.slice), restored.isEmpty,
            let held = state.disk.queues.first(where: { $0.id == queue }), through >= held.first
        else { return }
        let row = partitions[owner].safeTables.rows[queue]
        for (offset, item) in held.items.enumerated() where held.first + UInt64(offset) <= through {
            let sequence = held.first + UInt64(offset)
            guard row?.items[sequence] != item else { continue }
            violate(
                "P6",
                "envoy \(envoy) deletes result \(sequence) of \(queue), which is not safe at "
                    + "\(partitions[owner].name)")
        }
    }

    /// What the envoy was proved of its owner, for P6.
    func noteAuthority(_ envoy: Int) {
        guard let freshness = envoys[envoy].disk.sight.freshness else { return }
        let seen = envoys[envoy].disk.truth.authority
        let isAhead = freshness.register.position > seen.position
        guard isAhead || freshness.epoch > seen.epoch else { return }
        envoys[envoy].disk.truth.authority = (freshness.register.position, freshness.epoch)
    }

    // MARK: - Versions and orders

    /// The tree after a change is the tree made anew, and each path leads to its root.
    func checkTree(_ tree: PolicyTree, _ leaves: [PolicyLeaf]) {
        let anew = PolicyTree(leaves, by: witness)
        guard tree.root == anew.root, tree.all == anew.all else {
            return violate("S8", "a tree that was changed is not the tree of its leaves")
        }
        for leaf in leaves {
            let path = tree.path(of: leaf.envoy)
            guard path?.root(from: leaf.hash(by: witness), by: witness) != tree.root else { continue }
            violate("S8", "the path of envoy \(leaf.envoy) does not lead to the root")
        }
    }

    /// S8: what an envoy acts on is its own, of its owner, was safe there, and is not older than what it acted on.
    func checkApplied(_ grant: PolicyGrant, by envoy: Int) {
        let (head, state) = (grant.signed.head, envoys[envoy])
        let told = "version \(head.sequence) of \(head.partition) in epoch \(head.epoch.number)"
        guard grant.leaf.envoy == state.id else {
            return violate("S8", "envoy \(envoy) applies \(told) as another envoy was given it")
        }
        if let owner = state.disk.sight.freshness?.register.owner, owner != head.partition {
            return violate("S8", "envoy \(envoy) of \(owner) applies \(told)")
        }
        guard versions[head.partition]?.contains(head.root) == true else {
            return violate("S8", "envoy \(envoy) applies \(told), which was never safe there")
        }
        let number = "\(head.partition) \(head.epoch.number) \(head.sequence)"
        guard numbers[number] == nil || numbers[number] == head.root else {
            return violate("S8", "there are two of \(told)")
        }
        numbers[number] = head.root
        if let last = state.disk.truth.versions[head.partition] {
            let isLater = (head.epoch, head.sequence) > (last.epoch, last.sequence)
            let isSame = last.root == head.root && (head.epoch, head.sequence) == (last.epoch, last.sequence)
            guard isLater || (isSame && state.disk.truth.lastOwner == head.partition) else {
                return violate(
                    "S8", "envoy \(envoy) applies \(told) after version \(last.sequence) in epoch \(last.epoch.number)")
            }
        }
        remember(envoy) { truth in
            truth.versions[head.partition] = (head.epoch, head.sequence, head.root)
            truth.lastOwner = head.partition
        }
    }

    /// S8: an order is carried out by whom it names, once, never after a later one.
    func checkObeyed(_ order: PolicyOrder, by envoy: Int) {
        let told = "order \(order.sequence) of \(order.partition) in epoch \(order.epoch.number)"
        guard order.envoy == envoys[envoy].id else {
            return violate("S8", "envoy \(envoy) carries out \(told), which is for another")
        }
        let truth = envoys[envoy].disk.truth
        if let last = truth.orders[order.partition], (order.epoch, order.sequence) <= last {
            return violate(
                "S8", "envoy \(envoy) carries out \(told) after order \(last.sequence) in epoch \(last.epoch.number)")
        }
        let freshness = envoys[envoy].disk.sight.freshness
        if freshness?.register.owner == order.partition, order.epoch < truth.authority.epoch {
            return violate("S8", "envoy \(envoy) carries out \(told), of an epoch that is over")
        }
        remember(envoy) { $0.orders[order.partition] = (order.epoch, order.sequence) }
    }

    /// What was acted on stays acted on, whatever the disk has of it.
    private func remember(_ envoy: Int, _ change: (inout EnvoySimTruth) -> Void) {
        change(&envoys[envoy].disk.truth)
        change(&envoys[envoy].durable.truth)
    }

    // MARK: - At the end

    /// P5: everything that was queued is stored, once, in order; everything dropped is told by a marker.
    func checkAtEnd() {
        for envoy in envoys {
            guard let owner = owner(of: envoy.slice) else { continue }
            let rows = partitions[owner].safeTables.rows.filter { $0.value.envoy == envoy.index }
            let truth = envoy.disk.truth
            var times: [UInt64: Int] = [:]
            var told: UInt64 = 0
            for queue in rows.keys.sorted() {
                let items = rows[queue]?.items.sorted { $0.key < $1.key }.map(\.value) ?? []
                for item in items {
                    times[item.id, default: 0] += 1
                    told += item.dropped
                }
                guard zip(items, items.dropFirst()).allSatisfy({ $0.id < $1.id }) else {
                    return violate("P5", "results of envoy \(envoy.index) in \(queue) are out of order")
                }
            }
            let isWhole = restored.isEmpty
            for id in truth.owed.sorted() {
                let count = times[id] ?? 0
                if count == 0, isWhole { return violate("P5", "result \(id) of envoy \(envoy.index) is lost") }
                if count > 1, !truth.wasRestored {
                    return violate("P5", "result \(id) of envoy \(envoy.index) is stored \(count) times")
                }
            }
            guard isWhole, !truth.wasRestored else { continue }
            if told != truth.dropped {
                violate("P5", "envoy \(envoy.index) dropped \(truth.dropped) results, markers tell of \(told)")
            }
            if times.count != truth.owed.count {
                violate(
                    "P5", "\(times.count) results of envoy \(envoy.index) are stored, \(truth.owed.count) were queued")
            }
        }
    }
}
