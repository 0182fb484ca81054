import BoltAPI
import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// Pushes as the journal keeps them: a later primary goes on where the one before was.
@Suite struct PushRunTests {
    private let id = PolicyBed.envoy(99)

    private func run(_ count: UInt64, size: Int, threshold: Int = 100) throws -> PushRun {
        let facts = PushFacts(
            id: id, actor: "operator/ada", reason: "", revision: "r1", kind: .applyNow, pauseSeconds: 0,
            beganAt: WallTime(milliseconds: 1))
        let plan = PushPlan(
            envoys: (0..<count).map { PolicyBed.envoy($0) }, batchSize: size, thresholdPercent: threshold)
        return try #require(PushRun(facts, plan))
    }

    private func records(_ commands: [PartitionCommand]) -> [[UInt8]] {
        commands.compactMap { command in
            guard case .policy(.push(_, number: _, let bytes)) = command else { return nil }
            return bytes
        }
    }

    private func again(_ run: PushRun) throws -> PushRun {
        try #require(PushRun(id, records: records(run.planCommands + [run.progressCommand])))
    }

    /// The batch was told by the later primary, to nobody who was there, and the push ended as if it had failed.
    @Test("A batch that left before its turn is passed over by a later primary too")
    func goneBatch() throws {
        var run = try run(6, size: 2)
        _ = run.machine.step(.started)
        for number in 2...3 as ClosedRange<UInt64> { _ = run.machine.step(.gone(PolicyBed.envoy(number))) }
        for number in 0...1 as ClosedRange<UInt64> { _ = run.machine.step(.succeeded(PolicyBed.envoy(number))) }
        let checking = try again(run)
        #expect(checking.machine.status == run.machine.status && run.machine.status.state == .checking)
        _ = run.machine.step(.healthy(batch: 1))
        #expect(run.machine.status.batch == 3)
        let running = try again(run)
        #expect(running.isOpen && running.machine.status == run.machine.status, "\(running.machine.status)")
        for number in 4...5 as ClosedRange<UInt64> { _ = run.machine.step(.succeeded(PolicyBed.envoy(number))) }
        #expect(try again(run).machine.status == run.machine.status && run.machine.status.state == .finished)
    }

    @Test("The last batches left: the push is over for a later primary too")
    func goneEnd() throws {
        var run = try run(6, size: 2)
        _ = run.machine.step(.started)
        for number in 2...5 as ClosedRange<UInt64> { _ = run.machine.step(.gone(PolicyBed.envoy(number))) }
        for number in 0...1 as ClosedRange<UInt64> { _ = run.machine.step(.succeeded(PolicyBed.envoy(number))) }
        #expect(run.machine.step(.healthy(batch: 1)) == [.finished])
        #expect(try again(run).machine.status == run.machine.status)
    }

    @Test(
        "Whatever happened, a record leads a later primary to the very state",
        arguments: 1...200 as ClosedRange<UInt64>)
    func everyRecord(seed: UInt64) throws {
        var generator = Seeded(seed)
        let count = UInt64(1 + generator.below(12))
        var run = try run(
            count, size: 1 + generator.below(4), threshold: [0, 50, 100][generator.below(3)])
        _ = run.machine.step(.started)
        for step in 0..<60 where run.isOpen {
            let (envoy, batch) = (PolicyBed.envoy(UInt64(generator.below(Int(count)))), run.machine.status.batch)
            let event: PushMachine.Event
            switch generator.below(12) {
            case 0...4: event = .succeeded(envoy)
            case 5: event = .failed(envoy)
            case 6...7: event = .gone(envoy)
            case 8...9: event = .healthy(batch: batch)
            case 10: event = generator.below(4) == 0 ? .abort(reason: "enough") : .healthy(batch: batch)
            default: event = generator.below(4) == 0 ? .unhealthy(batch: batch, reason: "a disk") : .succeeded(envoy)
            }
            _ = run.machine.step(event)
            let later = try again(run)
            #expect(later.machine.status == run.machine.status, "seed \(seed), step \(step): \(event)")
            for envoy in run.machine.plan.envoys {
                #expect(later.machine.place(of: envoy) == run.machine.place(of: envoy), "seed \(seed), step \(step)")
            }
        }
    }

    @Test("A record that names more batches than there are keeps nobody counting")
    func tooManyBatches() throws {
        let run = try run(2, size: 1)
        var encoder = CanonicalEncoder(capacity: 64)
        encoder.byte(PushState.running.rawValue)
        encoder.integer(.max)
        encoder.flag(false)
        encoder.optional(String?.none) { $0.text($1) }
        encoder.optional(UInt64?.none) { $0.integer($1) }
        encoder.string([PushPlace.succeeded.rawValue, PushPlace.told.rawValue])
        let later = try #require(PushRun(id, records: records(run.planCommands) + [encoder.bytes]))
        #expect(later.machine.status.batch == 2 && later.isOpen)
    }
}
