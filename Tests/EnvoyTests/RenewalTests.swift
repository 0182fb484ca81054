import BoltAPI
import Foundation
import Identity
import Spanner
import Synchronization
import Testing

@testable import Envoy

/// Certificates are renewed in time, beside everything else that an agent does (Q5).
@Suite struct RenewalTests {
    private let day: Int64 = 86_400

    private func validity(from start: Int64 = 0, days: Int64 = 90) -> Validity {
        Validity(notBefore: UnixTime(seconds: start), notAfter: UnixTime(seconds: start + days * day))
    }

    @Test("a certificate is due once three quarters of its life are over, at a time of each machine's own")
    func due() {
        let clocks = (0..<200).map { RenewalClock(validity(), seed: $0) }
        let days = clocks.map { Double($0.due.seconds) / Double(day) }
        #expect(days.allSatisfy { $0 >= 67.49 && $0 <= 72.01 }, "\(days)")
        #expect(Set(clocks.map(\.due.seconds)).count > 190, "they do not ask together")
        for clock in clocks.prefix(10) {
            #expect(clock.wait(now: clock.due) == nil)
            #expect(clock.wait(now: UnixTime(seconds: clock.due.seconds - 10)) == .seconds(10))
            #expect(clock.wait(now: UnixTime(seconds: 0)) == RenewalClock.lookMax, "clocks are set: it looks again")
            #expect(clock.wait(now: UnixTime(seconds: -5_000)) != nil, "in 1970 nothing is due")
            #expect(clock.wait(now: UnixTime(seconds: 500 * day)) == nil, "an end that is past is no reason to wait")
        }
    }

    @Test("after a failure it waits longer each time, by chance and bounded; a success begins anew", arguments: 0..<20)
    func backoff(seed: Int) {
        var clock = RenewalClock(validity(), seed: UInt64(seed))
        let (due, start) = (clock.due, ContinuousClock.now)
        var longest: Duration = .zero
        for _ in 0..<12 {
            clock.failed(at: start)
            guard let wait = clock.wait(now: due, at: start) else {
                Issue.record("it asks again at once")
                return
            }
            #expect(wait >= .seconds(5) && wait <= .seconds(3_600))
            longest = max(longest, wait)
        }
        #expect(longest > .seconds(60))
        clock.renewed(validity(from: due.seconds))
        #expect(clock.due > due && clock.wait(now: due, at: start) != nil)
    }

    /// Gives none.
    private final class FakeRenewal: CertificateRenewal {
        let state: Mutex<(validity: Validity, tries: Int)>

        init(_ validity: Validity) { state = Mutex((validity, 0)) }

        var validity: Validity { state.withLock { $0.validity } }

        func renew(at addresses: [String]) async throws -> Validity {
            state.withLock { $0.tries += 1 }
            throw EnvoyPortFailure.away("nobody gives one")
        }
    }

    @Test("the agent goes on reporting while nobody renews its certificate, and status warns of it")
    func besideTheLoop() async throws {
        let scratch = try Scratch()
        let (reports, reported) = AsyncStream<Int>.makeStream()
        let now = UnixTime.now().seconds
        let renewal = FakeRenewal(validity(from: now - 80 * day))
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            // Reports after the first try that brought nothing.
            if renewal.state.withLock({ $0.tries > 0 }) { reported.yield(number) }
            return ScriptedPort.takeAll(request)
        }
        try await withAgent(scratch.state, port, interval: .milliseconds(5), renewal: renewal) { agent in
            let running = Task { try await agent.run() }
            var count = 0
            for await _ in reports {
                count += 1
                if count > 10 { break }
            }
            running.cancel()
            try await running.value
        }
        let told = try #require(scratch.state.history()?.renewal)
        // On a busy machine it has tried again by now.
        let tries = renewal.state.withLock { $0.tries }
        #expect((1...tries).contains(told.failures) && told.failure?.contains("nobody gives one") == true)
        #expect(told.end.milliseconds == UInt64(now + 10 * day) * 1_000)
    }
}
