import CRDT
import Spanner

/// What the callers of a simulated mesh asked for, and what they were told.
struct SimWorkload {
    /// An envoy that somebody tried to admit.
    struct Envoy {
        let id: PrincipalID
        let name: PrincipalName
        /// Its keys, oldest first.
        var keys: [KeyFingerprint]
    }

    /// A command whose answer is awaited.
    struct Asked {
        let bolt: Int
        let payloads: [RosterEvent.Payload]
        let level: AckLevel
    }

    /// A command that was answered with success.
    struct Acknowledged {
        let bolt: Int
        let dots: [Dot]
        let level: AckLevel
        let payloads: [RosterEvent.Payload]
        let at: UInt64
    }

    var envoys: [Envoy] = []
    var tokens: [TokenID] = []
    var asked: [CommandID: Asked] = [:]
    var acknowledged: [Acknowledged] = []
    /// Imports of the genesis that are not answered.
    var imports: [CommandID: Int] = [:]
    var expelledBolts: Set<Int> = []
    var nextNumber: UInt64 = 1

    mutating func number() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }
}

extension Simulation {
    /// One change at some bolt, and the next one later.
    func work() {
        guard healedAt == nil else { return }
        let pace: UInt64 = options.seed.isMultiple(of: 10) ? 20_000 : 150_000
        queue.push(.work, at: now + 5_000 + generator.below(pace))
        let bolt = Int(generator.below(UInt64(bolts.count)))
        guard let machine = bolts[bolt].machine, !bolts[bolt].isPaused else { return skip() }
        do throws(RosterDraftError) {
            guard let (kind, payload) = try draft(machine.roster, bolt) else { return skip() }
            report.work[kind, default: 0] += 1
            let level: AckLevel = [.local, .spread(2), .spread(2), .spread(3)][Int(generator.below(4))]
            let id = command()
            workload.asked[id] = SimWorkload.Asked(bolt: bolt, payloads: [payload], level: level)
            step(bolt, .command(id, payloads: [payload], at: wallTime(bolt), level: level))
        } catch {
            report.work["skipped: \(error.code.rawValue)", default: 0] += 1
        }
    }

    private func skip() { report.work["skipped", default: 0] += 1 }

    private func draft(
        _ roster: Roster, _ bolt: Int
    ) throws(RosterDraftError) -> (String, RosterEvent.Payload)? {
        switch generator.below(20) {
        case 0...8: return ("admit", try roster.draftAdmission(newEnvoy()))
        case 9, 10:
            guard let envoy = someEnvoy() else { return nil }
            return ("remove", try roster.draftRemoval(of: envoy.id))
        case 11, 12:
            guard let envoy = someEnvoy(), let machine = bolts[bolt].machine else { return nil }
            let labels = [Label(key: "rack", value: "\(generator.below(9))")]
            return ("amend", try roster.draftAmendment(of: envoy.id, by: machine.own.replica, labels: labels))
        case 13: return try draftRekey(roster, bolt)
        case 14: return try draftReturn(roster)
        case 15:
            guard let envoy = someEnvoy() else { return nil }
            return ("ban envoy", act(try roster.draftActBan(of: envoy.id)))
        case 16: return try draftToken(roster)
        case 17:
            guard let name = someEnvoy()?.name, let conflict = roster.conflict(.envoy, name) else { return nil }
            guard let keep = conflict.claimants.first?.keys.first else { return nil }
            let operation = try roster.draftActResolution(role: conflict.role, name: conflict.name, keep: keep)
            return ("resolve", act(operation))
        case 18: return try draftExpulsion(roster, bolt)
        default: return ("unknown kind", .unknown(kind: 90 + generator.below(5), content: [1, 2, 3]))
        }
    }

    private func newEnvoy() -> Admission {
        let number = workload.number()
        let id = PrincipalID(high: 3, low: number)
        // Few names, so that they are contested now and then.
        let name = simName("host-\(generator.below(20 + 2 * number))")
        let key = KeyFingerprint(TestWitness.digest(Array("envoy key \(number)".utf8)))
        workload.envoys.append(SimWorkload.Envoy(id: id, name: name, keys: [key]))
        return admission(id, name, key)
    }

    private func admission(_ id: PrincipalID, _ name: PrincipalName, _ key: KeyFingerprint) -> Admission {
        var admission = Admission(role: .envoy, id: id, name: name, tlsKey: key)
        admission.sealingKey = TestWitness.digest(key.bytes.bytes)
        admission.partition = PartitionName(checked: "p0")
        admission.group = GroupName(checked: "all")
        return admission
    }

    private func someEnvoy() -> SimWorkload.Envoy? {
        guard !workload.envoys.isEmpty else { return nil }
        return workload.envoys[Int(generator.below(UInt64(workload.envoys.count)))]
    }

    private func draftRekey(
        _ roster: Roster, _ bolt: Int
    ) throws(RosterDraftError) -> (String, RosterEvent.Payload)? {
        guard let envoy = someEnvoy(), let machine = bolts[bolt].machine else { return nil }
        guard let from = roster.principal(envoy.id)?.tlsKey else { return nil }
        let to = KeyFingerprint(TestWitness.digest(Array("envoy key \(workload.number())".utf8)))
        if let place = workload.envoys.firstIndex(where: { $0.id == envoy.id }) {
            workload.envoys[place].keys.append(to)
        }
        let rekey = TestWitness.rekey(envoy.id, from: from, to: to)
        return ("rekey", try roster.draftAmendment(of: envoy.id, by: machine.own.replica, rekey: rekey))
    }

    /// An envoy that was removed, or banned, asks to be admitted again with its old key.
    private func draftReturn(_ roster: Roster) throws(RosterDraftError) -> (String, RosterEvent.Payload)? {
        guard let envoy = someEnvoy(), let key = envoy.keys.first else { return nil }
        return ("admit again", try roster.draftAdmission(admission(envoy.id, envoy.name, key)))
    }

    private func draftToken(_ roster: Roster) throws(RosterDraftError) -> (String, RosterEvent.Payload)? {
        if let token = workload.tokens.first, generator.below(3) == 0 {
            return ("revoke token", act(try roster.draftActRevocation(of: token)))
        }
        let id = TokenID(PrincipalID(high: 4, low: workload.number()))
        workload.tokens.append(id)
        let record = JoinTokenRecord(
            id: id, secretHash: TestWitness.digest(id.id.bytes), kind: .multiUse(uses: 3),
            expires: WallTime(milliseconds: 4_000_000_000_000), group: nil, labels: [])
        return ("token", try roster.draftToken(record))
    }

    /// At most one bolt goes, where enough stay.
    private func draftExpulsion(
        _ roster: Roster, _ bolt: Int
    ) throws(RosterDraftError) -> (String, RosterEvent.Payload)? {
        let count = bolts.count { !$0.isTwin }
        guard count > 3, workload.expelledBolts.isEmpty, now > 20 * Simulation.second else { return nil }
        let victim = Int(generator.below(UInt64(count)))
        guard victim != bolt, roster.principal(bolts[victim].principal) != nil else { return nil }
        let operation =
            generator.below(2) == 0
            ? try roster.draftActRemoval(of: bolts[victim].principal)
            : try roster.draftActBan(of: bolts[victim].principal)
        workload.expelledBolts.insert(victim)
        return ("expel bolt", act(operation))
    }

    private func act(_ operation: OperatorAct.Operation) -> RosterEvent.Payload {
        .act(`operator`.act(operation, nonce: 1000 + workload.number()))
    }

    // MARK: - Answers

    func finish(_ command: CommandID, _ outcome: CommandOutcome, at bolt: Int) {
        let asked = workload.asked.removeValue(forKey: command)
        trace.mix(command.raw)
        switch outcome {
        case .done(let dots, let level):
            checkDurable(dots, at: bolt)
            guard let asked else { return }
            switch level {
            case .local: report.work["acknowledged local", default: 0] += 1
            case .spread: report.work["acknowledged spread", default: 0] += 1
            }
            workload.acknowledged.append(
                SimWorkload.Acknowledged(
                    bolt: bolt, dots: dots, level: level, payloads: asked.payloads, at: now))
        case .imported: workload.imports[command] = nil
        case .refused(let reason):
            if workload.imports.removeValue(forKey: command) == bolt {
                queue.push(.importGenesis(bolt: bolt, life: bolts[bolt].life), at: now + Simulation.second / 2)
            }
            report.work["refused: \(reason)".prefix(40).description, default: 0] += 1
        }
    }

    func forgetCommands(of bolt: Int) {
        workload.asked = workload.asked.filter { $0.value.bolt != bolt }
        workload.imports = workload.imports.filter { $0.value != bolt }
    }
}
