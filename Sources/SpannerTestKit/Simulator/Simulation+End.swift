import CRDT
import Spanner

extension Simulation {
    /// Bolts of which convergence is asked: honest, and not known to be expelled by any honest bolt.
    var members: [Int] {
        let honest = bolts.filter { !$0.isByzantine && !$0.isTwin }
        let rosters = honest.compactMap(\.machine?.roster)
        return honest.map(\.index).filter { index in
            let key = bolts[index].identity.author.tlsKey
            return rosters.allSatisfy { roster in
                switch roster.standing(of: key) {
                case .removed, .banned: false
                case .active, .contested, .superseded, .unknown: true
                }
            }
        }
    }

    func lookForConvergence(since: UInt64) {
        let vectors = bolts.filter { !$0.isByzantine && !$0.isTwin && !workload.expelledBolts.contains($0.index) }
            .map { $0.machine?.roster.vector }
        guard let first = vectors.first, first != nil, vectors.allSatisfy({ $0 == first }) else {
            convergedAt = nil
            return
        }
        if convergedAt == nil { convergedAt = now }
    }

    // MARK: - When everything has come to rest

    func checkAtEnd() {
        let members = members
        let machines = members.compactMap { bolts[$0].machine }
        guard let first = machines.first, machines.count == members.count else {
            return violate("R4", "not all members run")
        }
        for (place, machine) in machines.enumerated() where machine.roster.digest != first.roster.digest {
            return violate(
                "R4",
                "10 rounds after all faults healed bolt \(members[place]) and bolt \(members[0]) differ: "
                    + difference(machine.roster.vector, first.roster.vector))
        }
        report.roundsToConverge = Double((convergedAt ?? now) - (healedAt ?? now)) / Double(Simulation.second)
        let expected = projection(of: first.roster)
        for (place, machine) in machines.enumerated() where projection(of: machine.roster) != expected {
            return violate("R3", "bolt \(members[place]) and bolt \(members[0]): equal digests, other rosters")
        }
        checkForks(members: members)
        checkRebuilt(first.roster, expected)
        checkAcknowledged(first.roster, members: members)
        checkBansEverywhere(machines, members: members)
    }

    private func difference(_ left: VersionVector, _ right: VersionVector) -> String {
        var both = left
        both.merge(right)
        return both.entries.filter { left[$0.replica] != right[$0.replica] }
            .map { "\($0.replica) \(left[$0.replica]) and \(right[$0.replica])" }.joined(separator: ", ")
    }

    /// What is in force does not depend on the order in which events came (R3): the same events, replica by replica,
    /// from the last to the first.
    private func checkRebuilt(_ roster: Roster, _ expected: UInt64) {
        guard let holder = holder(of: roster) else { return }
        var rebuilt = Roster(
            mesh: TestIdentity.mesh, witness: witness, mutation: options.mutant?.roster, forks: roster.forks)
        for replica in holder.disk.image.runs.keys.sorted().reversed() {
            for run in holder.disk.image.runs[replica] ?? [] {
                if rebuilt.fork(of: replica) != nil {
                    do throws(RunRejection) { try rebuilt.restore(run) } catch {
                        return violate("R6", "bolt \(holder.index) cannot read \(replica) up to its fork")
                    }
                    continue
                }
                guard case .success(let checked) = rebuilt.check(run) else {
                    return violate("R5", "bolt \(holder.index) holds a run that does not verify")
                }
                rebuilt.apply(checked)
            }
        }
        if rebuilt.digest != roster.digest { violate("R3", "the same events give another digest") }
        if projection(of: rebuilt) != expected { violate("R3", "the same events in another order: another roster") }
    }

    /// A bolt whose disk gives this roster.
    private func holder(of roster: Roster) -> SimBolt? {
        bolts.first { $0.machine?.roster.digest == roster.digest }
    }

    /// A hash over what is in force.
    private func projection(of roster: Roster) -> UInt64 {
        var hash = SimTrace(keepsAll: false)
        for role in PrincipalRole.allCases {
            for principal in roster.principals(role: role) {
                hash.mix(principal.id.low)
                hash.mix(principal.tlsKey.bytes.words.0)
                hash.mix(UInt64(principal.labels.count))
                for dot in principal.admissions + principal.amendments {
                    hash.mix(dot.replica)
                    hash.mix(dot.counter)
                }
            }
        }
        for conflict in roster.conflicts {
            for claimant in conflict.claimants {
                hash.mix(claimant.principal.id.low)
                hash.mix(claimant.isContested ? 1 : 0)
            }
        }
        for token in roster.tokens {
            hash.mix(token.record.id.id.low)
            hash.mix(token.isRevoked ? 1 : 0)
        }
        for ban in roster.bans { hash.mix(ban.act.words.0) }
        return hash.hash
    }

    // MARK: - R1

    private func checkAcknowledged(_ roster: Roster, members: [Int]) {
        let ended = endedDots(roster)
        for acknowledged in workload.acknowledged where isOwed(acknowledged, members: members) {
            for (dot, payload) in zip(acknowledged.dots, acknowledged.payloads) {
                guard roster.vector.contains(dot) else {
                    return violate("R1", "\(dot), acknowledged at \(acknowledged.level), is lost")
                }
                guard case .admit(let admission) = payload, !ended.dots.contains(dot) else { continue }
                guard !ended.names.contains(admission.name), isWithinCut(dot, roster) else { continue }
                switch roster.standing(of: admission.tlsKey, as: .envoy) {
                case .active, .contested, .superseded, .banned: break
                case .removed, .unknown:
                    return violate("R1", "\(dot) admits \(admission.name), nothing ends it, it is not in force")
                }
            }
        }
    }

    /// Whether the loss of disks, liars and expulsions leave the promise standing.
    private func isOwed(_ acknowledged: SimWorkload.Acknowledged, members: [Int]) -> Bool {
        if acknowledged.dots.contains(where: { checks.twinned.contains($0.replica) }) { return false }
        func isGone(_ bolt: Int) -> Bool {
            !members.contains(bolt) || bolts[bolt].isByzantine
                || bolts[bolt].diskLosses.contains { $0 >= acknowledged.at }
        }
        switch acknowledged.level {
        case .local: return !isGone(acknowledged.bolt)
        case .spread(let count): return bolts.indices.count(where: isGone) <= count - 1
        }
    }

    private func isWithinCut(_ dot: Dot, _ roster: Roster) -> Bool {
        roster.cut(of: dot.replica).map { dot.counter <= $0 } ?? true
    }

    /// Dots that some event of the final set ends, and names that some act resolved.
    private func endedDots(_ roster: Roster) -> (dots: Set<Dot>, names: Set<PrincipalName>) {
        var dots: Set<Dot> = []
        var names: Set<PrincipalName> = []
        guard let holder = holder(of: roster) else { return (dots, names) }
        for (replica, counter) in roster.vector.entries {
            for number in 1...counter {
                let dot = Dot(replica, number)
                guard let body = holder.disk.body(dot) else { continue }
                guard let event = try? EventCodec.decode(body, at: dot) else { continue }
                switch event.payload {
                case .remove(let targets): dots.formUnion(targets)
                case .act(let signed):
                    guard let act = try? ActCodec.decode(signed.content) else { continue }
                    if case .resolve(_, let name, _, _) = act.operation { names.insert(name) }
                case .open, .admit, .amend, .token, .topology, .slices, .unknown: break
                }
            }
        }
        return (dots, names)
    }

    // MARK: - R2

    private func checkBansEverywhere(_ machines: [GossipMachine], members: [Int]) {
        for member in members {
            for key in bolts[member].bansRecorded.sorted() {
                for (place, machine) in machines.enumerated() {
                    guard case .banned = machine.roster.standing(of: key) else {
                        return violate(
                            "R2", "bolt \(members[place]) takes \(key.bytes.shortHex), which bolt \(member) banned")
                    }
                }
            }
        }
    }

    /// What the members ended with, without times.
    func outcome() -> UInt64 {
        var hash = SimTrace(keepsAll: false)
        for member in members {
            guard let roster = bolts[member].machine?.roster else { continue }
            for (replica, counter) in roster.vector.entries {
                hash.mix(replica)
                hash.mix(counter)
            }
            hash.mix(projection(of: roster))
        }
        return hash.hash
    }
}
