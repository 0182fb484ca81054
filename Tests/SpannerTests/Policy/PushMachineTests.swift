import Spanner
import Testing

@Suite("Pushes: batches, a threshold, a look at the health between them")
struct PushMachineTests {
    private func ids(_ range: Range<UInt64>) -> [PrincipalID] { range.map { PrincipalID(high: 1, low: $0) } }
    private func id(_ number: UInt64) -> PrincipalID { PrincipalID(high: 1, low: number) }

    private func machine(_ count: UInt64, size: Int, threshold: Int = 100) throws -> PushMachine {
        try #require(
            PushMachine(
                PushPlan(envoys: ids(0..<count), batchSize: size, thresholdPercent: threshold, batchSeconds: 60)))
    }

    @Test("The next batch is told when the last is done and the partition is well")
    func batches() throws {
        var push = try machine(5, size: 2)
        #expect(push.step(.succeeded(id(0))).isEmpty, "nobody was told")
        #expect(push.step(.started) == [.tell(ids(0..<2), batch: 1), .schedule(1, after: .seconds(60))])
        #expect(push.step(.started).isEmpty)
        #expect(push.step(.succeeded(id(0))).isEmpty)
        #expect(push.step(.succeeded(id(3))).isEmpty, "it was not told yet")
        #expect(push.step(.succeeded(id(1))) == [.checkHealth(batch: 1)])
        #expect(push.step(.timerFired(1)).isEmpty, "nobody is waited for")
        #expect(push.step(.healthy(batch: 2)).isEmpty, "of another batch")
        #expect(push.step(.healthy(batch: 1)) == [.tell(ids(2..<4), batch: 2), .schedule(2, after: .seconds(60))])
        #expect(push.step(.timerFired(1)).isEmpty, "an older timer")
        _ = push.step(.succeeded(id(2)))
        #expect(push.step(.succeeded(id(3))) == [.checkHealth(batch: 2)])
        #expect(push.step(.healthy(batch: 2)) == [.tell([id(4)], batch: 3), .schedule(3, after: .seconds(60))])
        #expect(push.step(.succeeded(id(4))) == [.finished])
        let status = push.status
        #expect(status.state == .finished && status.succeeded == 5 && status.batch == 3 && status.batches == 3)
    }

    @Test("Too many failures, or machines that are not heard of in time, end it; nobody else is told")
    func threshold() throws {
        var push = try machine(8, size: 4, threshold: 75)
        _ = push.step(.started)
        _ = push.step(.failed(id(0)))
        for number in 1...2 as ClosedRange<UInt64> { _ = push.step(.succeeded(id(number))) }
        var late = push
        #expect(push.step(.succeeded(id(3))) == [.checkHealth(batch: 1)], "three of four are 75 percent")
        let effects = late.step(.timerFired(1))
        guard case .aborted(let reason) = effects.first else {
            Issue.record("it went on: \(effects)")
            return
        }
        #expect(reason.contains("2 of 4") && late.status.waiting == 4 && late.status.state == .aborted)
        #expect(late.step(.succeeded(id(3))).isEmpty && late.step(.healthy(batch: 1)).isEmpty)
    }

    @Test("A sick partition or an operator ends it, with the reason")
    func ends() throws {
        var sick = try machine(4, size: 1)
        _ = sick.step(.started)
        _ = sick.step(.succeeded(id(0)))
        #expect(
            sick.step(.unhealthy(batch: 1, reason: "no standby is in sync"))
                == [.aborted(reason: "after batch 1 the partition is not well: no standby is in sync")])
        var ended = try machine(4, size: 1)
        _ = ended.step(.started)
        #expect(ended.step(.abort(reason: "enough")) == [.aborted(reason: "enough")])
        #expect(ended.step(.abort(reason: "again")).isEmpty)
        #expect(ended.status.reason == "enough")
    }

    @Test("Who leaves before its turn is not waited for")
    func gone() throws {
        var push = try machine(3, size: 1, threshold: 0)
        _ = push.step(.started)
        #expect(push.step(.gone(id(1))).isEmpty)
        #expect(push.step(.gone(id(0))) == [.checkHealth(batch: 1)])
        #expect(push.step(.healthy(batch: 1)) == [.tell([id(2)], batch: 3), .schedule(2, after: .seconds(60))])
        #expect(push.status.failed == 2)
    }

    @Test("A plan that cannot be carried out says why")
    func faults() {
        #expect(PushPlan(envoys: [], batchSize: 1).fault?.contains("no machine") == true)
        #expect(PushPlan(envoys: [id(1), id(1)], batchSize: 1).fault?.contains("twice") == true)
        #expect(PushPlan(envoys: [id(1)], batchSize: 0).fault?.contains("batch size is 0") == true)
        #expect(PushPlan(envoys: [id(1)], batchSize: 1, thresholdPercent: 101).fault?.contains("0 to 100") == true)
        #expect(PushPlan(envoys: [id(1)], batchSize: 1, batchSeconds: 0).fault?.contains("is 0 s") == true)
        #expect(PushPlan(envoys: [id(1)], batchSize: Int.max).fault == nil)
        #expect(PushMachine(PushPlan(envoys: [], batchSize: 1)) == nil)
    }

    @Test("Every push ends, and tells each machine at most once", arguments: 0..<80 as Range<UInt64>)
    func law(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var push = try machine(
            1 + generator.below(12), size: 1 + Int(generator.below(5)), threshold: Int(generator.below(101)))
        var told: [PrincipalID] = []
        var todo = push.step(.started)
        var steps = 0
        while !todo.isEmpty, steps < 1000 {
            let effect = todo.removeFirst()
            steps += 1
            switch effect {
            case .tell(let envoys, _):
                told += envoys
                for envoy in envoys where generator.below(4) > 0 {
                    todo += push.step(generator.below(3) == 0 ? .failed(envoy) : .succeeded(envoy))
                }
            case .schedule(let number, _): todo += push.step(.timerFired(number))
            case .checkHealth(let batch): todo += push.step(.healthy(batch: batch))
            case .finished, .aborted: break
            }
        }
        #expect(Set(told).count == told.count)
        #expect(push.status.state == .finished || push.status.state == .aborted)
        #expect(push.status.state == .aborted || push.status.waiting == 0)
        #expect(push.status.told == 0)
    }
}
