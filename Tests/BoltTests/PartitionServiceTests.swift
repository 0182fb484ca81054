import BoltAPI
import CRDT
import Foundation
import Identity
import Logging
import Spanner
import SpannerStore
import SpannerTestKit
import Testing
import Vault

@testable import Bolt

/// A bolt's part in its partition over a real database, without links.
struct PartitionServiceTests {
    private static let partition = PartitionName("north")

    /// The folders of one bolt, removed at the end.
    private final class Place {
        let root = NSTemporaryDirectory() + "bolt-part-\(UUID().uuidString.prefix(8))"
        var state: String { root + "/state" }
        var identity: String { root + "/identity" }

        init() throws {
            try FileManager.default.createDirectory(atPath: identity, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        func service() throws -> PartitionService {
            let name = try #require(PartitionServiceTests.partition)
            let store = try PartitionStore(
                directory: StateDirectory(path: state),
                identity: PartitionIdentity(mesh: TestIdentity.mesh, partition: name), witness: TestWitness())
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let start = try PartitionStart(
                store: store, key: TestWitness().hash([1]), mark: FounderMark(directory: identity), logger: logger,
                witness: TestWitness())
            let sealing = SealService(
                VaultOwner(mesh: TestIdentity.mesh, partition: name), keyFile: nil, logger: logger)
            return PartitionService(
                start, settings: PartitionSettings(), recordsKept: 1000, witness: TestWitness(),
                sealing: sealing,
                logger: logger, metrics: MetricsRegistry(), failure: { error in Issue.record("\(error)") })
        }
    }

    /// A founded service that reigns.
    private func founded(_ place: Place) async throws -> PartitionService {
        try FounderMark(directory: place.identity).make(partition: "north")
        let service = try place.service()
        await service.start { _ in }
        service.post(.surroundings(PartitionSurroundings()))
        try await wait("it reigns") { await service.standing().role == .primary }
        return service
    }

    /// The same bolt's next life: a service that was closed may be held by its own timers for a moment.
    private func again(_ place: Place) async throws -> PartitionService {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            do { return try place.service() } catch let error as StoreError where error.code == .locked {
                try #require(ContinuousClock.now < deadline, "\(error)")
                await Task.yield()
            }
        }
    }

    private func checkIn(_ first: UInt64, _ sequences: ClosedRange<UInt64>?) throws -> PendingCheckIn {
        let queue = try #require(QueueID(bytes: [UInt8](repeating: 9, count: 16)))
        return PendingCheckIn(
            envoy: PrincipalID(high: 1, low: 2), queue: queue, firstHeld: first,
            results: (sequences.map(Array.init) ?? []).map { SequencedResult(sequence: $0, body: [UInt8($0)]) },
            traits: nil)
    }

    @Test(
        "What another bolt kept for hours makes no machine seen now, and what it tells of itself is not made older",
        .timeLimit(.minutes(1)))
    func keptElsewhere() async throws {
        let place = try Place()
        let service = try await founded(place)
        var kept = try checkIn(1, 1...2)
        kept.keptAt = WallTime(milliseconds: 5_000)
        guard case .stored(let receipt) = await service.store(kept) else {
            Issue.record("not stored")
            return
        }
        #expect(receipt.storedThrough == 2 && receipt.releaseThrough == 2)
        let before = try await service.read { try $0.store.tables.envoys.record(of: PrincipalID(high: 1, low: 2)) }
        #expect(before?.lastSeen.milliseconds == 5_000 && before?.traits == nil)
        // Asked without a result, it says how far the queue is safe, and leaves no hole before what comes.
        var question = try checkIn(1, nil)
        question.keptAt = WallTime(milliseconds: 4_000)
        guard case .stored(let said) = await service.store(question) else {
            Issue.record("not answered")
            return
        }
        #expect(said.storedThrough == 2 && said.releaseThrough == 2)
        let after = try await service.read { try $0.store.tables.envoys.record(of: PrincipalID(high: 1, low: 2)) }
        #expect(after?.lastSeen.milliseconds == 5_000)
        await service.close()
    }

    @Test(
        "D1: a check-in that brings nothing new is no record of its own; when its envoy was seen is one soon, for all",
        .timeLimit(.minutes(1)))
    func nothingNew() async throws {
        let place = try Place()
        let service = try await founded(place)
        let traits = EnvoyRecord.Traits(digest: TestWitness().hash([4]), document: Array("{}".utf8))
        let plain = try checkIn(1, 1...2)
        let first = PendingCheckIn(
            envoy: plain.envoy, queue: plain.queue, firstHeld: 1, results: plain.results, traits: traits)
        let next = PendingCheckIn(envoy: plain.envoy, queue: plain.queue, firstHeld: 3, results: [], traits: traits)
        #expect(service.answerQuietly(next) == nil, "nothing was answered yet")
        guard case .stored(let stored) = await service.store(first) else {
            Issue.record("not stored")
            return
        }
        #expect(service.answerQuietly(first) == nil, "it brings results")
        let (tip, envoy) = (await service.standing().tip.position, plain.envoy)
        let seen = try await service.read { try $0.store.tables.envoys.record(of: envoy)?.lastSeen }
        var said: [CheckInReceipt?] = []
        try await wait("the clock goes on") {
            said += (0..<100).map { _ in service.answerQuietly(next) }
            return try await service.read { try $0.store.tables.envoys.record(of: envoy)?.lastSeen } != seen
        }
        #expect(!said.isEmpty && said.allSatisfy { $0?.storedThrough == stored.storedThrough })
        #expect(said.allSatisfy { $0?.releaseThrough == 2 && $0?.epoch == stored.epoch })
        // However many there were: a record a look, of which some may be between two of a hundred.
        #expect(await service.standing().tip.position - tip < UInt64(said.count / 5))
        await service.close()
    }

    @Test("Commands that come during a flush are in one record, and each is told what it did", .timeLimit(.minutes(1)))
    func groupCommit() async throws {
        let place = try Place()
        let service = try await founded(place)
        let before = await service.standing().tip.position
        let count = 600
        let answers = await withTaskGroup(of: PartitionWriteAnswer.self) { group in
            for number in 0..<count {
                group.addTask {
                    await service.write([.setting(name: "n\(number)", value: [1])], level: .paired)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let after = await service.standing().tip.position
        #expect(answers.count == count)
        for answer in answers {
            guard case .done(let point, _, let safe, let outcomes) = answer, case .applied = outcomes.first else {
                Issue.record("\(answer)")
                continue
            }
            // In a partition of one, on this disk is safe (P1).
            #expect(point.position <= safe)
        }
        #expect(after - before <= UInt64(count / 4), "\(after - before) records for \(count) commands")
        let names = try await service.read { try $0.store.tables.settings.names(limit: 1000).count }
        #expect(names == count)
        await service.close()
    }

    @Test("D4: scrub and compaction have their turn where somebody always waits")
    func upkeepUnderLoad() async throws {
        let place = try Place()
        let service = try await founded(place)
        await service.read { service in
            // Whoever comes now waits for as long as this runs.
            service.begin([.setting(name: "n", value: [9])], level: .local) { _ in }
            (service.compactionsPutOff, service.scrubPlace) = (0, .start)
            service.look()
            #expect(service.scrubPlace != .start, "a busy disk would be read over in hours")
            #expect(service.compactionsPutOff == 1, "those who wait go first")
            for _ in 0..<PartitionServiceLimits.compactionsPutOffMax { service.look() }
            #expect(service.compactionsPutOff == 0)
        }
        await service.close()
    }

    @Test("P9: who comes while a standby lacks all of the journal waits for a piece of it, not for the whole")
    func readsGiveWay() async throws {
        let place = try Place()
        let service = try await founded(place)
        let pieces = 400
        let (answers, answered) = AsyncStream<Int>.makeStream()
        await service.read { service in
            for number in 0..<pieces {
                service.readLater(
                    JournalRead(load: LoadID(UInt64.max - UInt64(number)), from: 1, bytesMax: 256 * 1024))
            }
            service.begin([.setting(name: "n", value: [1])], level: .local) { _ in
                answered.yield(service.reads.count)
            }
        }
        var iterator = answers.makeAsyncIterator()
        #expect(try #require(await iterator.next()) > pieces - 10)
        try await wait("all pieces are read") { await service.read { $0.reads.isEmpty } }
        await service.close()
    }

    @Test("D4: over a damaged database the bolt is fenced and says why; it writes, founds and acknowledges nothing")
    func damagedAtTheStart() async throws {
        let place = try Place()
        let name = try #require(PartitionServiceTests.partition)
        try FounderMark(directory: place.identity).make(partition: "north")
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let damage = StoreError(.corrupt, what: "reading", why: "record 7 is not what was written", next: "look")
        let start = try PartitionStart(
            key: TestWitness().hash([1]), mark: FounderMark(directory: place.identity),
            identity: PartitionIdentity(mesh: TestIdentity.mesh, partition: name),
            directory: StateDirectory(path: place.state), logger: logger, witness: TestWitness()
        ) { () throws(StoreError) in throw damage }
        let sealing = SealService(VaultOwner(mesh: TestIdentity.mesh, partition: name), keyFile: nil, logger: logger)
        let service = PartitionService(
            start, settings: PartitionSettings(), recordsKept: 1000, witness: TestWitness(), sealing: sealing,
            logger: logger, metrics: MetricsRegistry(), failure: { error in Issue.record("\(error)") })
        await service.start { _ in }
        service.post(.surroundings(PartitionSurroundings()))
        for _ in 0..<3 { service.post(.look) }
        let standing = await service.standing()
        #expect(standing.role == .fenced && standing.reason.contains("record 7 is not what was written"))
        let answer = await service.write([.setting(name: "a", value: [1])], level: .local)
        guard case .refused = answer else {
            Issue.record("\(answer)")
            return
        }
        await #expect(throws: StoreError.self) { try await service.read { _ = try $0.store.history() } }
        await service.close()
    }

    @Test("S9: a change and its audit line are one record, also where the disk is idle; each outcome is its own")
    func together() async throws {
        let place = try Place()
        let service = try await founded(place)
        let before = await service.standing().tip.position
        let line = AuditEntry(
            at: WallTime(milliseconds: 1), actor: "operator/a", action: "secret.put", object: "x", reason: "trial")
        let queue = try #require(QueueID(bytes: [UInt8](repeating: 4, count: 16)))
        let results = PartitionCommand.QueuedResults(
            source: PartitionCommand.EnvoyQueue(envoy: PrincipalID(high: 1, low: 2), queue: queue),
            received: WallTime(milliseconds: 1), results: [SequencedResult(sequence: 1, body: [1])])
        let answer = await service.write(
            [.audit(line), .results(results), .setting(name: "a", value: [7])], level: .paired)
        guard case .done(let point, _, _, let outcomes) = answer, outcomes.count == 3 else {
            Issue.record("\(answer)")
            return
        }
        #expect(point.position == before + 1)
        guard case .applied(nil) = outcomes[0], case .applied(let receipt) = outcomes[1],
            case .applied(nil) = outcomes[2]
        else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(receipt?.storedThrough == 1)
        await service.close()
    }

    @Test("D7: what a bolt must write to be left comes from the reserve, results never do")
    func reserveForLeaving() async throws {
        let place = try Place()
        let service = try await founded(place)
        try await service.read { service in
            let (reserve, own) = (service.store.reserve, service.own.disk)
            let (epoch, other) = (PartitionEpoch(number: 9, minter: own), ReplicaID(key: .zero, incarnation: 7))
            let full = StoreError(.full, what: "writing", why: "no room", next: "make some")
            service.foundFull = { _ in Issue.record("results took the reserve") }
            func write(_ content: JournalRecord.Content, by minter: ReplicaID) -> PartitionWrite {
                let record = JournalRecord(
                    epoch: PartitionEpoch(number: 9, minter: minter), position: 1, previous: .zero, content: content)
                var write = PartitionWrite(fence: epoch)
                write.records = [record]
                return write
            }
            /// On a disk that has room only where the reserve was given up: how often it is tried; nil: not written.
            func tries(_ write: PartitionWrite, _ service: isolated PartitionService) -> Int? {
                var count = 0
                do throws(StoreError) {
                    return try service.takingReserve(for: write) { () throws(StoreError) -> Int in
                        count += 1
                        if reserve.bytes > 0 { throw full }
                        return count
                    }
                } catch { return nil }
            }
            try reserve.hold(bytes: 1 << 20)
            #expect(tries(write(.commands([[1]]), by: own), service) == nil && reserve.bytes == 1 << 20)
            #expect(tries(write(.commands([[1]]), by: other), service) == nil && reserve.bytes == 1 << 20)
            service.foundFull = { _ in }
            let operation = OperationID(PrincipalID(high: 1, low: 1))
            #expect(tries(write(.control(.handover(operation, to: other)), by: own), service) == 2)
            #expect(reserve.bytes == 0 && service.isShort && service.standing().isFull)
            // What is left of it is not for another's results, though there is room.
            #expect(tries(write(.commands([[1]]), by: other), service) == nil)
            service.hearRoom(isFull: false, isReserveSpent: false)
            // A transaction that did not fit and left nothing to try again: room ends that too, no write has to.
            service.noteFull()
            let wasShort = service.isShort
            service.hearRoom(isFull: false, isReserveSpent: false)
            let isShort = service.isShort
            #expect(wasShort && !isShort)
            #expect(tries(write(.commands([[1]]), by: other), service) == 1 && !service.isShort)
        }
        await service.close()
    }

    @Test("D7: a bolt on a full disk is not promoted without an accepted loss, nor called fit for it")
    func fullIsNoCandidate() async throws {
        let place = try Place()
        let service = try place.service()
        await service.start { _ in }
        await service.read { $0.hearRoom(isFull: true, isReserveSpent: false) }
        for asked in [PartitionOperation.check, .promote(.failover, expect: nil, acceptingLoss: false)] {
            guard
                case .refused(.storage(.full)) = await service.operate(OperationID(PrincipalID(high: 1, low: 2)), asked)
            else {
                Issue.record("\(asked) was not refused for want of room")
                continue
            }
        }
        await service.close()
    }

    private func firstLife(_ place: Place) async throws -> ReplicaID {
        let service = try await founded(place)
        if case .done = await service.write([.setting(name: "a", value: [7])], level: .local) {
            await service.close()
            return service.own.disk
        }
        throw StoreError(.internal, what: "writing", why: "it was refused", next: "look at the service")
    }

    private func secondLife(_ place: Place, _ disk: ReplicaID) async throws {
        let service = try await again(place)
        #expect(service.own.disk == disk)
        await service.start { _ in }
        try await wait("it reigns again") { await service.standing().role == .primary }
        #expect(try await service.read { try $0.store.tables.settings.value("a")?.bytes } == [7])
        await service.close()
    }

    @Test("P9: a founder that restarts reigns on over the same journal; emptied it waits for ever")
    func restarts() async throws {
        let place = try Place()
        let disk = try await firstLife(place)
        try await secondLife(place, disk)
        try FileManager.default.removeItem(atPath: place.state)
        let service = try await again(place)
        #expect(service.own.disk != disk)
        await service.start { _ in }
        service.post(.surroundings(PartitionSurroundings()))
        #expect(await !service.read { $0.founder.mayFound })
        let standing = await service.standing()
        #expect(standing.role == .waiting && standing.reason.contains("--found"))
        guard case .refused(.notPrimary) = await service.write([.setting(name: "a", value: nil)], level: .local) else {
            Issue.record("an empty disk wrote")
            return
        }
        await service.close()
    }

    @Test("P5: what is stored and released; a gap is refused alone, a base says why there is one")
    func checkIns() async throws {
        let place = try Place()
        let service = try await founded(place)
        func stored(_ pending: PendingCheckIn) async throws -> (UInt64, UInt64) {
            guard case .stored(let receipt) = await service.store(pending) else {
                Issue.record("not stored")
                return (0, 0)
            }
            return (receipt.storedThrough, receipt.releaseThrough)
        }
        #expect(try await stored(checkIn(1, nil)) == (0, 0))
        #expect(try await stored(checkIn(1, 1...3)) == (3, 3))
        #expect(try await stored(checkIn(1, 2...5)) == (5, 5), "a repeat")
        guard case .refused(let problem) = await service.store(try checkIn(1, 8...9)) else {
            Issue.record("a gap was taken")
            return
        }
        #expect(problem.code == .conflict)
        #expect(try await stored(checkIn(8, 8...9)) == (9, 9), "the queue no longer has 6 and 7")
        await service.close()
    }

    @Test("P6: a one-shot token is spent once; a repeat with its key is given the same admission")
    func tokens() async throws {
        let place = try Place()
        let service = try await founded(place)
        let name = try #require(PrincipalName("web-1"))
        func admission(_ key: UInt64, _ id: UInt64) -> Admission {
            var admission = Admission(
                role: .envoy, id: PrincipalID(high: 0, low: id), name: name,
                tlsKey: KeyFingerprint(Bytes32(words: (key, 0, 0, 0))))
            admission.token = TokenID(PrincipalID(high: 5, low: 5))
            return admission
        }
        let first = admission(1, 100)
        guard case .spent(let spent) = await service.spend(first),
            case .spent(let again) = await service.spend(admission(1, 200)),
            case .refused(let problem) = await service.spend(admission(2, 300))
        else {
            Issue.record("the token was judged otherwise")
            return
        }
        #expect(spent == first && again == first && problem.code == .tokenSpent)
        await service.close()
    }
}
