import Spanner
import Synchronization
import Testing

@testable import Bolt

/// Envoys that wait for their policy are each answered once: woken, in vain, or at the end.
struct PolicyWaitersTests {
    private let envoys = (1...300).map { PrincipalID(high: 3, low: UInt64($0)) }
    private let later = ContinuousClock.now + .seconds(3600)

    @Test("S8: whoever is woken is told so, some at a time; others wait on", .timeLimit(.minutes(1)))
    func woken() async throws {
        let waiters = PolicyWaiters()
        let (envoys, later) = (envoys, later)
        let told = await withTaskGroup(of: Bool?.self, returning: [Bool?].self) { group in
            for envoy in envoys { group.addTask { await waiters.wait(for: envoy, until: later) { false } } }
            while waiters.count < envoys.count { await Task.yield() }
            let pauses = Mutex(0)
            let woken = await waiters.wake(Array(envoys.dropLast())) { _ in pauses.withLock { $0 += 1 } }
            #expect(woken == envoys.count - 1)
            #expect(pauses.withLock { $0 } == (envoys.count - 2) / PolicyWaiters.wakeCount)
            #expect(waiters.count == 1 && waiters.holds(envoys[envoys.count - 1]))
            waiters.end()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(told.count { $0 == true } == envoys.count - 1 && told.count { $0 == false } == 1)
        #expect(await waiters.wait(for: envoys[0], until: later) { true } == false, "it ended")
    }

    @Test("What comes between the question and the wait is not missed", .timeLimit(.minutes(1)))
    func due() async {
        let waiters = PolicyWaiters()
        #expect(await waiters.wait(for: envoys[0], until: later) { true } == true)
        #expect(waiters.count == 0)
    }

    @Test("One that asks again answers its older request; over the bound nobody waits", .timeLimit(.minutes(1)))
    func bounded() async {
        let waiters = PolicyWaiters(countMax: 1)
        let (envoys, later) = (envoys, later)
        async let first = waiters.wait(for: envoys[0], until: later) { false }
        while waiters.count < 1 { await Task.yield() }
        #expect(await waiters.wait(for: envoys[1], until: later) { false } == nil, "no room")
        async let second = waiters.wait(for: envoys[0], until: later) { false }
        #expect(await first == false)
        waiters.dismiss()
        #expect(await second == false)
    }

    @Test("Whose time is over is answered, and nobody else", .timeLimit(.minutes(1)))
    func swept() async {
        let waiters = PolicyWaiters()
        let (envoys, now) = (envoys, ContinuousClock.now)
        async let early = waiters.wait(for: envoys[0], until: now + .seconds(1)) { false }
        async let late = waiters.wait(for: envoys[1], until: now + .seconds(9)) { false }
        while waiters.count < 2 { await Task.yield() }
        waiters.sweep(at: now + .seconds(2))
        #expect(await early == false)
        #expect(waiters.count == 1 && waiters.holds(envoys[1]))
        waiters.end()
        #expect(await late == false)
    }
}
