import Spanner
import Testing

@Suite("Handoff budgets")
struct HandoffBudgetTests {
    @Test("No more slices begin than are allowed; a lower limit lets what runs go on")
    func slices() {
        var budget = HandoffBudget(limits: HandoffBudget.Limits(slices: 2))
        #expect(budget.begin() && budget.begin() && !budget.begin())
        budget.change(to: HandoffBudget.Limits(slices: 1))
        budget.end()
        #expect(!budget.hasRoom && budget.inFlight == 1)
        budget.end()
        budget.end()
        #expect(budget.inFlight == 0 && budget.begin())
    }

    @Test("Limits stay in their bounds")
    func bounds() {
        let low = HandoffBudget.Limits(slices: -4, bytesPerSecond: 0)
        #expect(low.slices == 1 && low.bytesPerSecond == 1)
        #expect(HandoffBudget.Limits(slices: .max).slices == HandoffLimits.slicesInFlightMax)
    }

    @Test(
        "Over any stretch of time no more goes over than the rate and one second's burst allow",
        arguments: 1...20 as ClosedRange<UInt64>)
    func rate(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let rate: UInt64 = 1000 + generator.below(1 << 20)
        var budget = HandoffBudget(limits: HandoffBudget.Limits(bytesPerSecond: rate))
        var now = Duration.seconds(100)
        var sent: UInt64 = 0
        for _ in 0..<500 {
            let bytes = generator.below(rate / 4)
            now += budget.reserve(bytes: Int(bytes), at: now)
            let elapsed = (now - .seconds(100)) / .seconds(1)
            #expect(Double(sent) <= Double(rate) * (elapsed + 1.001), "seed \(seed)")
            sent += bytes
            if generator.below(4) == 0 { now += .milliseconds(Int64(generator.below(300))) }
        }
        let elapsed = (now - .seconds(100)) / .seconds(1)
        #expect(Double(sent) >= Double(rate) * (elapsed - 1) * 0.3, "seed \(seed)")
    }

    @Test("Without a rate nothing waits; when check-ins suffer it slows down, and recovers")
    func latency() {
        var budget = HandoffBudget(limits: HandoffBudget.Limits(addedMilliseconds: 10))
        #expect(budget.rate == nil && budget.reserve(bytes: 1 << 30, at: .seconds(5)) == .zero)
        budget.observe(addedMilliseconds: 11)
        #expect(budget.share == 32 && budget.rate != nil)
        for _ in 0..<20 { budget.observe(addedMilliseconds: 50) }
        #expect(budget.share == 1)
        for _ in 0..<20 { budget.observe(addedMilliseconds: 3) }
        #expect(budget.share == 64 && budget.rate == nil)
        budget.observe(addedMilliseconds: 50)
        budget.change(to: HandoffBudget.Limits())
        #expect(budget.rate == nil)
    }

    @Test("A change of the rate counts from the next piece on: nobody waits for what was reserved at another one")
    func changed() {
        var budget = HandoffBudget(limits: HandoffBudget.Limits(bytesPerSecond: 1))
        _ = budget.reserve(bytes: 1000, at: .seconds(10))
        #expect(budget.reserve(bytes: 1, at: .seconds(10)) > .seconds(900))
        budget.change(to: HandoffBudget.Limits(slices: 4, bytesPerSecond: 1))
        #expect(budget.reserve(bytes: 1, at: .seconds(10)) > .seconds(900), "the same rate")
        budget.change(to: HandoffBudget.Limits(bytesPerSecond: 1 << 20))
        #expect(budget.reserve(bytes: 1000, at: .seconds(10)) == .zero)
    }

    @Test("Amounts beyond all bounds do not trap")
    func extremes() {
        var budget = HandoffBudget(limits: HandoffBudget.Limits(bytesPerSecond: 1))
        for _ in 0..<4 { _ = budget.reserve(bytes: .max, at: .seconds(Int64.max / 4)) }
        _ = budget.reserve(bytes: -1, at: .seconds(-1))
        var fast = HandoffBudget(limits: HandoffBudget.Limits(bytesPerSecond: .max))
        #expect(fast.reserve(bytes: .max, at: .zero) == .zero)
    }
}
