import BoltAPI
import Dispatch
import Identity
import Logging
import Spanner
import SpannerTestKit
import Synchronization
import Testing

@testable import Bolt

/// Q1: whatever becomes of the source, the last good revision stays, and what is the matter is told.
@Suite struct PolicySourceServiceTests {
    /// A source that says what it is told to.
    private final class Told: PolicySource {
        let answer = Mutex<Result<String, PolicySourceError>>(.success("r1"))
        var words: String { "told" }

        func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
            let revision = try answer.withLock { $0 }.get()
            guard revision != known, let files = PolicyFiles([PolicyFile(path: "stack.yaml", bytes: [])]) else {
                return nil
            }
            return PolicySnapshot(revision: revision, files: files)
        }

        func say(_ revision: String) { answer.withLock { $0 = .success(revision) } }

        func fail(_ code: PolicySourceError.Code) {
            answer.withLock {
                $0 = .failure(PolicySourceError(code: code, what: "reading", why: "because\u{1B}[2J", next: "wait"))
            }
        }
    }

    /// Remembers what was offered and answers as it is told to.
    private final class Taker: Sendable {
        let offered = Mutex<[String]>([])
        let verdict = Mutex(PolicyVerdict.accepted)

        func take(_ snapshot: PolicySnapshot) -> PolicyVerdict {
            offered.withLock { $0.append(snapshot.revision) }
            return verdict.withLock { $0 }
        }
    }

    /// Says turn by turn whether this bolt reigns: what a turn did is over when the next is asked for.
    private final class Turns: Sendable {
        /// Each turn is followed by a pause of a tenth of the least time between two looks.
        static let betweenLooks = 11

        private let questions = AsyncStream<Void>.makeStream()
        private let answers = AsyncStream<Bool>.makeStream()

        func ask() async -> Bool {
            questions.continuation.yield()
            for await answer in answers.stream { return answer }
            return false
        }

        /// The service wants to know.
        func asked() async {
            for await _ in questions.stream { return }
        }

        /// Answers, and waits for the next question.
        func answer(_ isReigning: Bool) async {
            answers.continuation.yield(isReigning)
            await asked()
        }

        /// There are no more answers.
        func end() { answers.continuation.finish() }
    }

    private let source = Told()
    private let taker = Taker()
    private let service: PolicySourceService

    init() {
        service = PolicySourceService(
            source, interval: .seconds(60), staleAfter: .seconds(900), logger: Logger(label: "test"),
            metrics: MetricsRegistry())
    }

    private func look() async -> PolicySourceStatus {
        await service.look { [taker] in taker.take($0) }
        return await service.status()
    }

    private var offered: [String] { taker.offered.withLock { $0 } }

    @Test("a revision is offered once where it is accepted, and the next one too")
    func accepted() async {
        #expect(await look().revision == "r1")
        _ = await look()
        #expect(offered == ["r1"])
        source.say("r2")
        let status = await look()
        #expect(status.revision == "r2" && status.error == nil && status.goodAt != nil && status.alarms.isEmpty)
        #expect(offered == ["r1", "r2"])
    }

    @Test("Q1: a source that fails leaves the last good revision in force, with its error, until it is good again")
    func failing() async {
        _ = await look()
        source.fail(.unreachable)
        _ = await look()
        let status = await look()
        #expect(status.revision == "r1" && status.failures == 2)
        #expect(status.error?.code == "policy_source_unreachable")
        #expect(status.error?.reason.contains("\u{1B}") == false)
        #expect(status.alarms.map(\.code) == ["policy_source_broken"])
        source.say("r1")
        let healed = await look()
        #expect(healed.error == nil && healed.failures == 0 && healed.revision == "r1")
        #expect(offered == ["r1"])
    }

    @Test("a revision that is no stack is refused once, stays told, and is forgotten with the next one")
    func refused() async {
        _ = await look()
        taker.verdict.withLock { $0 = .refused(code: "stack_cycle", reason: "layers/10.yaml:3: a cycle") }
        source.say("r2")
        _ = await look()
        var status = await look()
        #expect(offered == ["r1", "r2"])
        #expect(status.revision == "r1" && status.error?.code == "stack_cycle" && status.error?.revision == "r2")
        #expect(status.failures == 0)
        // A failure of the source in between does not hide it for long.
        source.fail(.unreachable)
        #expect(await look().error?.code == "policy_source_unreachable")
        source.say("r2")
        status = await look()
        #expect(status.error?.code == "stack_cycle" && status.failures == 0)
        taker.verdict.withLock { $0 = .accepted }
        source.say("r3")
        status = await look()
        #expect(status.revision == "r3" && status.error == nil)
    }

    /// What was accepted once was never offered again: after a rollback the branch was not followed any more.
    @Test("what was accepted is offered again where something else is in force; what was refused is not")
    func replaced() async {
        _ = await look()
        await service.look(inForce: "r1") { [taker] in taker.take($0) }
        #expect(offered == ["r1"])
        taker.verdict.withLock { $0 = .later("ada froze the stack") }
        await service.look(inForce: "r0") { [taker] in taker.take($0) }
        #expect(offered == ["r1", "r1"])
        source.say("r2")
        await service.look(inForce: "r0") { [taker] in taker.take($0) }
        let frozen = await service.status()
        #expect(frozen.newest == "r2" && frozen.revision == "r1" && frozen.waitsFor == "ada froze the stack")
        taker.verdict.withLock { $0 = .accepted }
        await service.look(inForce: "r0") { [taker] in taker.take($0) }
        #expect(await service.status().revision == "r2")
        taker.verdict.withLock { $0 = .refused(code: "stack_cycle", reason: "a cycle") }
        source.say("r3")
        for _ in 1...3 { await service.look(inForce: "r0") { [taker] in taker.take($0) } }
        #expect(offered == ["r1", "r1", "r2", "r2", "r3"])
        source.say("r2")
        taker.verdict.withLock { $0 = .accepted }
        #expect(await look().newest == "r2")
    }

    /// `source git git file:///srv/stack main`.
    @Test("a place is told without its kind")
    func place() {
        var status = PolicySourceStatus()
        #expect(status.place == nil)
        status.words = GitRemote(url: "file:///srv/stack").words
        #expect(status.place == "file:///srv/stack main")
    }

    @Test("a revision that cannot be taken now is offered again, with why it waits")
    func later() async {
        taker.verdict.withLock { $0 = .later("the vault is sealed") }
        #expect(await look().waitsFor == "the vault is sealed")
        taker.verdict.withLock { $0 = .accepted }
        let status = await look()
        #expect(offered == ["r1", "r1"] && status.waitsFor == nil && status.revision == "r1")
    }

    @Test("a revision whose roll-out would block itself is offered again: machines enrol without a commit")
    func blocked() async {
        taker.verdict.withLock { $0 = .refused(code: "rollout_blocked", reason: "min_standing is 2") }
        #expect(await look().error?.code == "rollout_blocked")
        let status = await look()
        #expect(offered == ["r1", "r1"] && status.error?.code == "rollout_blocked" && status.failures == 0)
        taker.verdict.withLock { $0 = .accepted }
        #expect(await look().error == nil)
        _ = await look()
        #expect(offered == ["r1", "r1", "r1"])
    }

    @Test("Q1: the age of the last good look is an alarm where it is over the limit")
    func stale() async {
        let impatient = PolicySourceService(
            source, interval: .seconds(60), staleAfter: .seconds(-1), logger: Logger(label: "test"),
            metrics: MetricsRegistry())
        source.fail(.missing)
        await impatient.look { _ in .accepted }
        let status = await impatient.status()
        #expect(status.isStale)
        #expect(status.alarms.map(\.code) == ["policy_source_stale", "policy_source_broken"])
    }

    /// A bolt that has just begun to reign had no fleet yet: what its first look found waited for a whole interval.
    @Test("what had to wait is offered again soon, not an interval later")
    func soon() async {
        let (service, taker, turns) = (self.service, self.taker, Turns())
        taker.verdict.withLock { $0 = .later("this bolt has just begun") }
        async let run: Void = service.run(isActive: { await turns.ask() }, take: { taker.take($0) })
        await turns.asked()
        await turns.answer(true)
        #expect(await service.status().waitsFor == "this bolt has just begun")
        taker.verdict.withLock { $0 = .accepted }
        for _ in 0..<Turns.betweenLooks { await turns.answer(true) }
        #expect(await service.status().revision == "r1")
        // Now the interval counts again.
        source.say("r2")
        for _ in 0..<Turns.betweenLooks { await turns.answer(true) }
        #expect(await service.status().revision == "r1" && offered == ["r1", "r1"])
        service.drain()
        turns.end()
        await run
    }

    @Test("only whoever reigns looks; whoever reigns again begins anew")
    func active() async throws {
        let (service, taker, turns) = (self.service, self.taker, Turns())
        async let run: Void = service.run(isActive: { await turns.ask() }, take: { taker.take($0) })
        await turns.asked()
        await turns.answer(true)
        #expect(await service.status().revision == "r1")
        await turns.answer(false)
        let status = await service.status()
        #expect(status.revision == nil && status.alarms.isEmpty)
        // However slow the machine is: after so many turns the least time between two looks is over.
        for _ in 0..<Turns.betweenLooks { await turns.answer(true) }
        #expect(await service.status().revision == "r1")
        #expect(offered == ["r1", "r1"])
        source.say("r2")
        service.wake()
        for _ in 0..<Turns.betweenLooks { await turns.answer(true) }
        #expect(await service.status().revision == "r2")
        service.drain()
        turns.end()
        await run
    }

    /// A source whose reads wait until they are let go.
    private final class Hanging: PolicySource {
        let began = DispatchSemaphore(value: 0)
        let goOn = DispatchSemaphore(value: 0)
        let isEnded = Atomic(false)
        var words: String { "hanging" }

        func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
            began.signal()
            goOn.wait()
            throw PolicySourceError(code: .unreachable, what: "reading", why: "it hangs", next: "wait")
        }

        func end() {
            isEnded.store(true, ordering: .relaxed)
            goOn.signal()
        }
    }

    @Test("Q1: while a remote hangs status is told, and the end of the bolt ends the look", .timeLimit(.minutes(1)))
    func hanging() async {
        let hanging = Hanging()
        let service = PolicySourceService(
            hanging, interval: .seconds(60), staleAfter: .seconds(900), logger: Logger(label: "test"),
            metrics: MetricsRegistry())
        async let look: Void = service.look { _ in .accepted }
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "test").async {
                hanging.began.wait()
                continuation.resume()
            }
        }
        #expect(await service.status().words == "hanging")
        service.drain()
        await look
        let isEnded = hanging.isEnded.load(ordering: .relaxed)
        #expect(isEnded)
        #expect(await service.status().error == nil, "the source is not to blame")
    }

    @Test("pauses stay about the interval, and grow with failures within bounds", arguments: 1...20)
    func paces(seed: UInt64) {
        var bits = SeededGenerator(seed: seed)
        let pace = PolicyPace(interval: .seconds(60))
        for _ in 0..<50 {
            #expect((.seconds(54)...Duration.seconds(66)).contains(pace.pause(failures: 0, &bits)))
            for failures in [1, 3, 10, 64, UInt64.max] {
                let pause = pace.pause(failures: failures, &bits)
                #expect((.seconds(30)...PolicyPace.pauseMax).contains(pause), "\(failures)")
            }
        }
        let slow = PolicyPace(interval: .seconds(3600)).pause(failures: 9, &bits)
        #expect((.seconds(1800)...Duration.seconds(3600)).contains(slow))
    }

    @Test("a webhook's call counts where it is signed, and no more of them than the bucket holds")
    func webhook() throws {
        let secret = Array("It's a Secret to Everybody".utf8)
        let webhook = try #require(PolicyWebhook(secret: secret))
        // The example of GitHub's documentation.
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        let (body, now) = (Array("Hello, World!".utf8), ContinuousClock.now)
        #expect(webhook.judge(signature: signature, body: body, now: now) == .taken)
        for forged in [
            nil, "", "sha256=", "sha1=757107", signature.dropLast() + "8", signature + "00", signature.uppercased(),
        ] as [String?] {
            #expect(webhook.judge(signature: forged, body: body, now: now) == .forged, "\(forged ?? "none")")
        }
        #expect(webhook.judge(signature: signature, body: body + [1], now: now) == .forged)
        for _ in 1..<PolicyWebhook.burst {
            #expect(webhook.judge(signature: signature, body: body, now: now) == .taken)
        }
        #expect(webhook.judge(signature: signature, body: body, now: now) == .tooMany)
        let next = now + PolicyWebhook.refill
        #expect(webhook.judge(signature: signature, body: body, now: next) == .taken)
        #expect(webhook.judge(signature: signature, body: body, now: next) == .tooMany)
        #expect(PolicyWebhook(secret: [UInt8](repeating: 1, count: 15)) == nil)
    }
}
