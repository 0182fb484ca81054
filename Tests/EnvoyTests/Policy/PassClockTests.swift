import Testing

@testable import Envoy

/// When passes are due, by a clock that nobody sets.
@Suite struct PassClockTests {
    @Test("whatever an owner asks for, there is a pause between passes, and no longer one than was asked for")
    func pauses() throws {
        for asked in [Duration.zero, .milliseconds(-5), .milliseconds(1), .seconds(60)] {
            for seed in UInt64(1)...20 {
                var clock = PassClock(seed: seed)
                let now = ContinuousClock.now
                #expect(clock.next(isServed: true) == nil && clock.isDue(at: now, isReported: false), "the first")
                clock.adopt(asked)
                clock.passed(at: now)
                let pause = max(asked, PassClock.intervalMin)
                for isServed in [true, false] {
                    let next = try #require(clock.next(isServed: isServed))
                    #expect(next >= now + pause * 9 / 10 && next <= now + pause * 5 / 4)
                }
                #expect(!clock.isDue(at: now, isReported: true) && !clock.isDue(at: now, isReported: false))
                #expect(clock.isDue(at: now + pause, isReported: false))
                #expect(clock.isDue(at: now + pause / 2, isReported: true), "a report was just answered")
            }
        }
    }
}
