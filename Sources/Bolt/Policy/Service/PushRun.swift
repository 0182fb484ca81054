internal import BoltAPI
internal import CRDT
internal import Spanner

/// What was asked for with a push, and when.
struct PushFacts: Hashable, Sendable {
    /// Its id: the caller's.
    let id: PrincipalID
    /// Who asked: `operator/ada`.
    let actor: String
    /// Why.
    let reason: String
    /// What was in force then.
    let revision: String
    /// What envoys are ordered.
    let kind: PolicyOrder.Kind
    /// Seconds from a batch to the next.
    let pauseSeconds: UInt64
    /// When it was taken, by the primary's clock.
    let beganAt: WallTime
}

/// A push, as its primary drives it. Its plan stands in the journal, and after each batch how far it is: a new primary
/// goes on with the batch that was under way.
struct PushRun: Sendable {
    /// Envoys in one record.
    static let envoysPerRecord = 8192
    /// The number of the record of how far it is; those of envoys are between.
    static let progressNumber: UInt64 = 1023

    let facts: PushFacts
    /// Who is told when.
    var machine: PushMachine
    /// The machine's timer; nil where none runs.
    var timer: (number: Int, at: ContinuousClock.Instant)?
    /// When the batch that was judged may be followed by the next; nil where none was.
    var judged: (batch: Int, at: ContinuousClock.Instant)?
    /// When it was over.
    var endedAt: WallTime?
    /// Whether an operator ended it.
    var isCalledOff = false
    /// What failed where, the first of them.
    var failures: [PrincipalID: String] = [:]

    /// A push that was not begun; nil where the plan has a fault.
    init?(_ facts: PushFacts, _ plan: PushPlan) {
        guard let machine = PushMachine(plan) else { return nil }
        (self.facts, self.machine) = (facts, machine)
    }

    /// Whether it goes on.
    var isOpen: Bool { machine.status.state == .running || machine.status.state == .checking }

    /// Notes what failed where.
    mutating func note(failure: String, of envoy: PrincipalID) {
        guard failures.count < APILimits.policyFailuresShown else { return }
        failures[envoy] = String(decoding: failure.utf8.prefix(512), as: UTF8.self)
    }

    /// As operators are told.
    func view(in partition: PartitionName, names: [PrincipalID: PrincipalName]) -> PushView {
        let status = machine.status
        let state: PushView.State =
            switch status.state {
            case .running: .running
            case .checking: .pausing
            case .finished: .finished
            case .aborted: isCalledOff ? .aborted : .halted
            }
        return PushView(
            id: facts.id, partition: partition, state: state, revision: facts.revision, batch: UInt64(status.batch),
            batches: UInt64(status.batches), envoys: UInt64(machine.plan.envoys.count),
            asked: UInt64(status.told + status.succeeded + status.failed), succeeded: UInt64(status.succeeded),
            failed: UInt64(status.failed),
            failures: failures.sorted { $0.key < $1.key }.map {
                PolicyFailureView(envoy: $0.key, name: names[$0.key], reason: $0.value)
            },
            thresholdPercent: UInt64(machine.plan.thresholdPercent), pauseSeconds: facts.pauseSeconds,
            stopped: status.reason, beganAt: facts.beganAt, endedAt: endedAt, actor: facts.actor,
            reason: facts.reason)
    }
}

// MARK: - Records

extension PushRun {
    /// The commands that keep its plan.
    var planCommands: [PartitionCommand] {
        var encoder = CanonicalEncoder(capacity: 512)
        encoder.text(facts.actor)
        encoder.text(facts.reason)
        encoder.text(facts.revision)
        encoder.byte(facts.kind.rawValue)
        encoder.integer(facts.pauseSeconds)
        encoder.integer(facts.beganAt.milliseconds)
        encoder.integer(UInt64(machine.plan.batchSize))
        encoder.integer(UInt64(machine.plan.thresholdPercent))
        encoder.integer(machine.plan.batchSeconds)
        let envoys = machine.plan.envoys
        let starts = Array(stride(from: 0, to: envoys.count, by: PushRun.envoysPerRecord))
        encoder.integer(UInt64(starts.count))
        var commands: [PartitionCommand] = [.policy(.push(facts.id, number: 0, encoder.bytes))]
        for (index, start) in starts.enumerated() {
            let some = envoys[start..<min(start + PushRun.envoysPerRecord, envoys.count)]
            commands.append(.policy(.push(facts.id, number: UInt64(index + 1), some.flatMap(\.bytes))))
        }
        return commands
    }

    /// The command that keeps how far it is: what was heard of batches that are over.
    var progressCommand: PartitionCommand {
        let status = machine.status
        var encoder = CanonicalEncoder(capacity: machine.plan.envoys.count + 256)
        encoder.byte(status.state.rawValue)
        encoder.integer(UInt64(status.batch))
        encoder.flag(isCalledOff)
        encoder.optional(status.reason) { $0.text($1) }
        encoder.optional(endedAt) { $0.integer($1.milliseconds) }
        encoder.string(machine.plan.envoys.map { machine.place(of: $0)?.rawValue ?? 0 })
        return .policy(.push(facts.id, number: PushRun.progressNumber, encoder.bytes))
    }

    /// Goes on with a push of the journal; nil where its records are none. What of it was under way begins anew.
    init?(_ id: PrincipalID, records: [[UInt8]]) {
        guard let first = records.first, let (facts, plan, parts) = PushRun.plan(id, first, records.dropFirst()),
            let run = PushRun(facts, plan)
        else { return nil }
        self = run
        guard records.count > parts + 1, let last = records.last, !restore(last) else { return }
        return nil
    }

    private static func plan(
        _ id: PrincipalID, _ first: [UInt8], _ rest: ArraySlice<[UInt8]>
    ) -> (PushFacts, PushPlan, Int)? {
        var decoder = CanonicalDecoder(first)
        do throws(DecodingFailure) {
            let actor = try decoder.text("actor", limit: PartitionLimits.nameBytesMax)
            let reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
            let revision = try decoder.text("revision", limit: PolicyLimits.revisionBytesMax)
            guard let kind = PolicyOrder.Kind(rawValue: try decoder.byte()) else { return nil }
            let (pause, began) = (try decoder.integer(), WallTime(milliseconds: try decoder.integer()))
            let (batch, threshold) = (try decoder.integer(), try decoder.integer())
            let (seconds, parts) = (try decoder.integer(), try decoder.integer())
            guard parts <= UInt64(rest.count) else { return nil }
            let bytes = rest.prefix(Int(parts)).flatMap { $0 }
            let envoys = stride(from: 0, to: bytes.count, by: PrincipalID.count).compactMap {
                PrincipalID(bytes: Array(bytes[$0..<min($0 + PrincipalID.count, bytes.count)]))
            }
            let plan = PushPlan(
                envoys: envoys, batchSize: Int(clamping: batch), thresholdPercent: Int(clamping: threshold),
                batchSeconds: seconds)
            let facts = PushFacts(
                id: id, actor: actor, reason: reason, revision: revision, kind: kind, pauseSeconds: pause,
                beganAt: began)
            return (facts, plan, Int(parts))
        } catch { return nil }
    }

    /// Brings the machine to where the record has it, by what was heard then. False where it is none.
    private mutating func restore(_ record: [UInt8]) -> Bool {
        var decoder = CanonicalDecoder(record)
        do throws(DecodingFailure) {
            guard let state = PushState(rawValue: try decoder.byte()) else { return false }
            // A record that names more batches than there are must not keep this bolt counting.
            let batch = min(Int(clamping: try decoder.integer()), machine.status.batches)
            isCalledOff = try decoder.flag()
            let reason = try decoder.optional { (inner: inout CanonicalDecoder) throws(DecodingFailure) in
                try inner.text("reason", limit: PartitionLimits.reasonBytesMax)
            }
            endedAt = try decoder.optional { (inner: inout CanonicalDecoder) throws(DecodingFailure) in
                WallTime(milliseconds: try inner.integer())
            }
            let places = try decoder.string("places", limit: PolicyServiceLimits.pushEnvoysMax)
            guard places.count == machine.plan.envoys.count else { return false }
            replay(places, through: batch, state, reason)
            return true
        } catch { return false }
    }

    /// Envoys that left before they were told: those that failed in batches that are still to come, and batches that
    /// were passed over, of which nobody was left. Told now, such a batch would be judged, and end the push.
    private func goneBeforeTheirTurn(_ places: [UInt8], _ batch: Int, _ state: PushState) -> [PrincipalID] {
        let (envoys, size) = (machine.plan.envoys, machine.plan.batchSize)
        return stride(from: 0, to: envoys.count, by: size).flatMap { start -> [PrincipalID] in
            let (number, end) = (start / size + 1, start + min(size, envoys.count - start))
            let failed = (start..<end).filter { PushPlace(rawValue: places[$0]) == .failed }
            let isOver = number < batch || number == batch && state == .finished
            guard number > batch || isOver && failed.count == end - start else { return [] }
            return failed.map { envoys[$0] }
        }
    }

    private mutating func replay(_ places: [UInt8], through batch: Int, _ state: PushState, _ reason: String?) {
        for envoy in goneBeforeTheirTurn(places, batch, state) { _ = machine.step(.gone(envoy)) }
        _ = machine.step(.started)
        for number in 1...max(1, batch) {
            for (envoy, place) in zip(machine.plan.envoys, places) where machine.place(of: envoy) == .told {
                switch PushPlace(rawValue: place) {
                case .succeeded: _ = machine.step(.succeeded(envoy))
                case .failed: _ = machine.step(.failed(envoy))
                case .waiting, .told, nil: break
                }
            }
            if number < batch { _ = machine.step(.healthy(batch: number)) }
        }
        if state == .aborted { _ = machine.step(.abort(reason: reason ?? "it was ended")) }
        if state == .aborted, machine.status.state == .checking {
            _ = machine.step(.unhealthy(batch: batch, reason: reason ?? "it was ended"))
        }
    }
}
