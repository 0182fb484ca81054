import BoltAPI
import CRDT
import Foundation
import Identity
import Logging
import Spanner
import SpannerStore
import SpannerTestKit
import SpannerWire
import Synchronization
import Testing
import Vault

@testable import Bolt

/// Slices go from one partition's service to another's, for real but for the wire between them.
struct SliceServiceTests {
    private let envoys = (1...12).map { PrincipalID(high: 77, low: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) }

    private func fill(_ two: TwoPartitions, _ sequences: ClosedRange<UInt64>, at number: Int) async throws {
        for envoy in envoys {
            guard case .stored(let receipt) = try await two.checkIn(envoy, sequences, at: number) else {
                Issue.record("\(envoy) was not stored at \(number)")
                continue
            }
            #expect(receipt.storedThrough == sequences.upperBound)
            #expect(receipt.releaseThrough == sequences.upperBound, "one disk is all there is")
        }
    }

    private func stored(_ two: TwoPartitions, at number: Int) async throws -> [UInt64] {
        let envoys = envoys
        return try await two.services[number].read { service in
            try envoys.map { try service.store.tables.results.storedThrough(QueueID($0)) }
        }
    }

    @Test(
        "P5, P7, P8: a task takes all slices to another partition with all that is stored, and back",
        .timeLimit(.minutes(2)))
    func thereAndBack() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...5, at: 0)
        #expect(try two.owners(0) == [TwoPartitions.names[0]])
        let job = try two.job()
        #expect(job.moves.count == 4)
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 2))
        for number in [0, 1] {
            try await wait("all are in the south") { try two.owners(number) == [TwoPartitions.names[1]] }
        }
        try await wait("the north removed its copies") { try await stored(two, at: 0).allSatisfy { $0 == 0 } }
        #expect(try await stored(two, at: 1) == envoys.map { _ in 5 })
        let counted = await two.services[0].read { $0.metrics.text() }
        #expect(counted.contains("bolt_slice_pause_seconds_count 4\n"), "one pause a slice, told by who handed it on")
        // P2, P7: the former owner takes nothing; the new one says a higher register.
        for envoy in envoys {
            guard case .elsewhere = try await two.checkIn(envoy, 6...6, at: 0) else {
                Issue.record("the former owner answered")
                continue
            }
        }
        guard case .stored(let receipt) = try await two.checkIn(envoys[0], 4...6, at: 1) else {
            Issue.record("the new owner did not answer")
            return
        }
        #expect(receipt.register == 3 && receipt.storedThrough == 6)
        try await lateSighting(two)
        try await wait("the task is over") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
        let view = try #require(await two.services[0].read { $0.taskView(job.id) })
        #expect(view.isComplete && view.progress.done == 4 && view.stuck.isEmpty)
        try await reversed(two, job)
        await two.close()
    }

    /// P7: an envoy was seen just before its slice went, and that is to be journaled now: its row would come back where
    /// it was collected. What is not journaled is let go of.
    private func lateSighting(_ two: TwoPartitions) async throws {
        let (service, envoy) = (two.services[0], envoys[1])
        let place = try #require(two.boards[0].place(of: envoy, group: nil))
        let checkIn = PendingCheckIn(
            envoy: envoy, queue: QueueID(envoy), firstHeld: 6, results: [],
            traits: EnvoyRecord.Traits(digest: .zero, document: []), slice: place.slice)
        let receipt = CheckInReceipt(storedThrough: 5, releaseThrough: 5, level: .local, epoch: 1)
        let epoch = await service.standing().epoch
        service.quiet.note(receipt, to: checkIn, in: epoch, register: .zero)
        let said = service.quiet.answer(
            to: checkIn, in: epoch, register: .zero, isPaired: false, now: WallTime(milliseconds: 9))
        #expect(said?.storedThrough == 5)
        await service.read { $0.journalSightings() }
        guard case .done = await service.write([.setting(name: "behind it", value: [1])], level: .local) else {
            Issue.record("the partition writes no more")
            return
        }
        #expect(try await service.read { try $0.store.tables.envoys.record(of: envoy) } == nil)
    }

    /// What was moved goes back by a task of its own.
    private func reversed(_ two: TwoPartitions, _ job: RebalanceJob) async throws {
        let genesis = try #require(two.boards[1].geneses.first)
        let moves = two.boards[1].registers(of: genesis).compactMap {
            RebalanceMove(register: $0, to: TwoPartitions.names[0], envoys: 1, bytes: 100)
        }
        let back = try #require(RebalanceJob(id: PrincipalID(high: 5, low: 9), topology: .zero, moves: moves))
        // Its driver is the target this time, and orders go over the line.
        try await two.services[0].begin(task: back, limits: HandoffBudget.Limits(slices: 4))
        for number in [0, 1] {
            try await wait("all are in the north again") { try two.owners(number) == [TwoPartitions.names[0]] }
        }
        try await wait("the south removed its copies") { try await stored(two, at: 1).allSatisfy { $0 == 0 } }
        var expected = envoys.map { _ in UInt64(5) }
        expected[0] = 6
        #expect(try await stored(two, at: 0) == expected)
        try await fill(two, 5...8, at: 0)
    }

    @Test("A task under a newer apply holds itself, says so, and can only be ended", .timeLimit(.minutes(2)))
    func outdated() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...2, at: 0)
        two.cutLines(true)
        let service = two.services[0]
        let apply = try #require(two.boards[0].version?.apply.id)
        // The id that the apply was asked for under.
        let job = try #require(
            RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: try two.job().moves))
        try await service.begin(task: job, limits: HandoffBudget.Limits(slices: 2))
        #expect(await service.read { $0.hold(of: job.id) } == nil)
        #expect(await service.read { $0.obstacle(to: .reverse, task: job.id) } == nil)
        try two.apply(on: apply, task: 2)
        try await wait("it is held") {
            await service.read { $0.taskView(job.id)?.hold?.contains("which is newer") == true }
        }
        #expect(await service.read { $0.obstacle(to: .resume, task: job.id) }?.contains("make a new plan") == true)
        #expect(await service.read { $0.command(.reverse, task: job.id) }?.contains("make a new plan") == true)
        #expect(await service.read { $0.obstacle(to: .pause, task: job.id) } == nil)
        #expect(await service.read { $0.command(.cancel, task: job.id) } == nil)
        two.cutLines(false)
        try await wait("it is over") {
            await service.read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
        #expect(await service.read { $0.taskView(job.id)?.hold } == nil)
        #expect(await service.read { $0.obstacle(to: .pause, task: job.id) } == "the task is over; make a new plan")
        await two.close()
    }

    @Test("P5, P7: envoys that report all the while lose nothing and are stored once", .timeLimit(.minutes(2)))
    func underLoad() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...1, at: 0)
        let envoys = envoys
        let writers = Task {
            // Each envoy goes on to 60, at whoever owns its slice when it asks.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for envoy in envoys {
                    group.addTask {
                        var next: UInt64 = 2
                        while next <= 60 {
                            let owner = two.boards[0].place(of: envoy, group: nil)?.register.owner
                            let number = owner == TwoPartitions.names[0] ? 0 : 1
                            guard case .stored(let receipt) = try await two.checkIn(envoy, next...next, at: number)
                            else {
                                await Task.yield()
                                continue
                            }
                            #expect(receipt.storedThrough == next)
                            next += 1
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 1))
        try await writers.value
        try await wait("all are in the south") { try two.owners(1) == [TwoPartitions.names[1]] }
        try await wait("the north removed its copies") { try await stored(two, at: 0).allSatisfy { $0 == 0 } }
        #expect(try await stored(two, at: 1) == envoys.map { _ in 60 })
        try await two.services[1].read { service in
            for envoy in envoys {
                let results = try service.store.tables.results.results(of: envoy, limit: 100)
                #expect(results.map(\.sequence) == Array(1...60))
                #expect(results.allSatisfy { $0.body == Array("\(envoy) \($0.sequence)".utf8) })
            }
        }
        await two.close()
    }

    @Test(
        "A target that cannot be heard holds nothing up: the slices are served, and go once it can",
        .timeLimit(.minutes(2)))
    func unheard() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...2, at: 0)
        two.cutLines(true)
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 4))
        try await wait("handoffs began") { await two.services[0].read { $0.desk.sources.count == 4 } }
        try await fill(two, 3...4, at: 0)
        try await wait("each says what holds it up") {
            await two.services[0].read { service in
                service.desk.sources.values.filter { $0.hindrance == "the target south does not answer" }.count == 4
            }
        }
        two.cutLines(false)
        try await wait("all are in the south") { try two.owners(0) == [TwoPartitions.names[1]] }
        try await wait("the south has everything") { try await stored(two, at: 1) == envoys.map { _ in 4 } }
        await two.close()
    }

    /// A check-in of an envoy that follows proofs, and what it makes of the answer.
    private func follow(
        _ two: TwoPartitions, _ sight: inout OwnerSight, _ sequences: ClosedRange<UInt64>, at number: Int
    ) async throws -> CheckInReceipt {
        let seen = OwnerMark(
            register: sight.fence.register, epoch: sight.fence.epoch, hash: sight.freshness?.register.hash)
        let answer = try await two.checkIn(envoys[0], sequences, at: number, seen: seen)
        guard case .stored(let receipt) = answer else {
            throw Problem(.notReady, "\(answer)")
        }
        let voucher = try receipt.voucher.map { try SliceVoucher($0) }
        let verdict = try sight.judge(
            number: receipt.register, epoch: receipt.epoch, voucher: voucher, from: nil,
            mesh: TestIdentity.mesh, witness: BoltSliceWitness(TestWitness()))
        #expect(verdict == .obey(sight.fence))
        let hash = try #require(sight.freshness?.register.hash)
        let told = OwnerReceipt.digest(
            firstHeld: sequences.lowerBound, results: TwoPartitions.results(of: envoys[0], sequences),
            by: TestWitness())
        for (more, told, isTrue) in [(UInt64(0), told, true), (1, told, false), (0, .zero, false)] {
            let said = OwnerReceipt(
                register: hash, epoch: receipt.epoch, queue: QueueID(envoys[0]), told: told,
                storedThrough: receipt.storedThrough, releaseThrough: receipt.releaseThrough + more)
            let isBorne = sight.bears(
                said, signature: receipt.signature, from: nil, mesh: TestIdentity.mesh,
                witness: BoltSliceWitness(TestWitness()))
            #expect(isBorne == isTrue, "P6: the owner signs what another partition's bolt passes on")
        }
        return receipt
    }

    /// P2: whoever admits a machine tells it the register of its slice, the owner with its signature.
    private func admitted(_ two: TwoPartitions, _ register: SliceRegister, by sight: OwnerSight) async throws {
        for number in 0...1 {
            let walk = try #require(two.boards[number].walk(of: register.slice))
            let voucher = try SliceVoucher(await two.services[number].admission(walk))
            #expect(voucher.claim.register == register && (voucher.signature != nil) == (number == 0))
            var begun = OwnerSight()
            try begun.begin(
                with: voucher, mesh: TestIdentity.mesh, witness: BoltSliceWitness(TestWitness()))
            #expect(begun.freshness?.register == register && begun.fence.register == sight.fence.register)
            #expect(begun.key == (number == 0 ? sight.key : nil))
        }
    }

    @Test(
        "P2: an owner proves itself once to an envoy that has not seen it, and after a handoff the next one does",
        .timeLimit(.minutes(2)))
    func proved() async throws {
        let two = try await TwoPartitions.reigning()
        var sight = OwnerSight()
        let shown = try await follow(two, &sight, 1...2, at: 0)
        #expect(shown.voucher != nil)
        let first = try #require(sight.freshness?.register)
        #expect(first.owner == TwoPartitions.names[0] && sight.fence.register == 2)
        try await admitted(two, first, by: sight)
        let again = try await follow(two, &sight, 3...3, at: 0)
        #expect(again.voucher == nil, "it has seen it")
        let plain = try await two.checkIn(envoys[1], 1...1, at: 0)
        if case .stored(let receipt) = plain { #expect(receipt.voucher == nil, "it does not say what it saw") }
        try await two.services[0].begin(task: two.job(), limits: HandoffBudget.Limits(slices: 4))
        try await wait("all are in the south") { try two.owners(1) == [TwoPartitions.names[1]] }
        let moved = try await follow(two, &sight, 4...4, at: 1)
        #expect(moved.voucher != nil)
        #expect(sight.freshness?.register.owner == TwoPartitions.names[1] && sight.fence.register == 3)
        await two.close()
    }

    @Test(
        "P7: a handoff takes orders from who began it, a task hears of it from its source; nobody else counts",
        .timeLimit(.minutes(2)))
    func strangers() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 1))
        try await wait("the first handoff began") {
            await two.services[0].read { $0.desk.sources.count == 1 && $0.desk.drivers.count == 1 }
        }
        let (south, west) = (TwoPartitions.names[1], PartitionName(checked: "west"))
        let order = try #require(await two.services[0].read { $0.desk.sources.values.first?.order })
        let genesis = try #require(two.boards[0].geneses.first)
        let other = try #require(two.boards[0].registers(of: genesis).first { $0.slice != order.slice })
        let far = try #require(HandoffOrder(id: HandoffID(TestWitness.digest([9])), register: other, to: west))
        try await two.services[0].read { service in
            try service.take(.cancel(order), from: south)
            try service.take(.pause(order, true), from: south)
            try service.take(.throttle(HandoffBudget.Limits(slices: 7)), from: south)
            // By the topology there is no such partition.
            try service.take(.begin(far), from: south)
            service.hear(.cancelled(order.id, reason: "it says so"), from: south)
            service.runDesk()
            let source = try #require(service.desk.sources[order.id])
            #expect(!source.isPaused && source.state.phase != .cancelled)
            #expect(service.desk.budget.limits.slices == 1)
            #expect(service.desk.sources[far.id] == nil)
            #expect(service.desk.tasks[job.id]?.machine.state.attempts.allSatisfy { $0.failures == 0 } == true)
        }
        two.cutLines(false)
        try await wait("all are in the south") { try two.owners(0) == [south] }
        await two.close()
    }

    @Test(
        "P5, P7: a slice with a queue that is another envoy's at its target stays where it is, and says why",
        .timeLimit(.minutes(2)))
    func queueOfAnother() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...3, at: 0)
        let clash = try #require(two.boards[0].place(of: envoys[0], group: nil)).slice
        let stranger = PrincipalID(high: 99, low: 1)
        let planted = PartitionCommand.QueuedResults(
            source: PartitionCommand.EnvoyQueue(envoy: stranger, queue: QueueID(envoys[0])),
            received: WallTime(milliseconds: 1), results: [SequencedResult(sequence: 1, body: [1])])
        guard case .done = await two.services[1].write([.results(planted)], level: .local) else {
            Issue.record("nothing was planted")
            return
        }
        try await two.services[0].begin(task: two.job(), limits: HandoffBudget.Limits(slices: 4))
        try await wait("the others are in the south") {
            let genesis = try #require(two.boards[0].geneses.first)
            return two.boards[0].registers(of: genesis).filter { $0.owner == TwoPartitions.names[1] }.count == 3
        }
        try await wait("the one was given up with its reason") {
            try await two.services[0].read { service in
                try service.store.tables.slices.handoffs(of: clash).sources.contains {
                    $0.phase == .cancelled && $0.reason?.contains("is envoy \(stranger)'s there") == true
                }
            }
        }
        #expect(two.boards[0].register(of: clash)?.owner == TwoPartitions.names[0])
        let owned = try await two.checkIn(envoys[0], 4...4, at: 0)
        if case .stored(let receipt) = owned { #expect(receipt.storedThrough == 4) }
        await two.close()
    }

    @Test(
        "A task that is paused begins nothing, and one that is cancelled leaves the slices where they are",
        .timeLimit(.minutes(2)))
    func cancelled() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 1))
        try await wait("the first handoff began") { await two.services[0].read { $0.desk.sources.count == 1 } }
        #expect(await two.services[0].command(.pause, task: job.id) == nil)
        try await wait("it is paused") { await two.services[0].read { $0.taskView(job.id)?.isPaused == true } }
        #expect(await two.services[0].command(.cancel, task: job.id) == nil)
        #expect(await two.services[0].command(.cancel, task: PrincipalID(high: 0, low: 0)) != nil, "no such task")
        two.cutLines(false)
        try await wait("it is over") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
        let view = try #require(await two.services[0].read { $0.taskView(job.id) })
        #expect(view.isCancelled && view.progress.done == 0)
        #expect(try two.owners(0) == [TwoPartitions.names[0]])
        try await fill(two, 1...3, at: 0)
        // Another one may run now.
        try await two.services[0].begin(task: two.job(2), limits: HandoffBudget.Limits(slices: 4))
        try await wait("all are in the south") { try two.owners(0) == [TwoPartitions.names[1]] }
        await two.close()
    }

    @Test(
        "P5, P7: after a takeover the new owner serves at once, and gets what the old one held when that returns",
        .timeLimit(.minutes(2)))
    func takenOver() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...5, at: 0)
        two.cutLines(true)
        try two.takeOver()
        #expect(try two.owners(1) == [TwoPartitions.names[1]])
        // The envoys hold what they were not told to be safe; here that is less than all.
        try await fill(two, 4...7, at: 1)
        guard case .elsewhere = try await two.checkIn(envoys[0], 8...8, at: 0) else {
            Issue.record("who was taken over from answered")
            return
        }
        #expect(try await stored(two, at: 0) == envoys.map { _ in 5 }, "the copy stays until the owner has it")
        two.cutLines(false)
        try await wait("the north handed over what it held") { try await stored(two, at: 0).allSatisfy { $0 == 0 } }
        let envoys = envoys
        try await two.services[1].read { service in
            for envoy in envoys {
                let results = try service.store.tables.results.results(of: envoy, limit: 100)
                #expect(results.map(\.sequence) == Array(1...7))
                #expect(results.allSatisfy { $0.body == Array("\(envoy) \($0.sequence)".utf8) })
            }
        }
        await two.close()
    }

    @Test(
        "P5, P7, P8: a target is lost right after the hand-on: its task ends, its source serves again",
        .timeLimit(.minutes(2)))
    func targetLostAfterTheHandOn() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...5, at: 0)
        two.loseSouthAtHandOn()
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 4))
        try await wait("a slice was handed on") { try two.owners(0).contains(TwoPartitions.names[1]) }
        // What was not handed on yet is cancelled, though its target answers nothing. On a busy machine all was: there
        // is nothing to be cancelled then.
        let refusal = await two.services[0].command(.cancel, task: job.id)
        func isOver() async -> Bool {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
        if let refusal { #expect(await isOver(), "\(refusal)") }
        try await wait("the task is over") { await isOver() }
        try two.takeOver(from: 1)
        #expect(try two.owners(0) == [TwoPartitions.names[0]])
        try await wait("no handoff is left, and its place in the budget is free") {
            await two.services[0].read { $0.desk.sending.isEmpty && $0.desk.inFlight.isEmpty }
        }
        try await fill(two, 6...7, at: 0)
        #expect(try await stored(two, at: 0) == envoys.map { _ in 7 })
        // It comes back with what it holds, and takes nothing away with it.
        two.comeBack()
        try await wait("the south handed over, or dropped, what it held") {
            let isEmpty = try await stored(two, at: 1).allSatisfy { $0 == 0 }
            return await two.services[1].read { $0.desk.arriving.isEmpty } && isEmpty
        }
        try await checkAll(two, at: 0, through: 7)
        await two.close()
    }

    @Test("P5: a takeover to a target keeps what it had received of the slices", .timeLimit(.minutes(2)))
    func takenOverByTheTarget() async throws {
        let two = try await TwoPartitions.reigning()
        try await fill(two, 1...5, at: 0)
        two.dropHeld()
        try await two.services[0].begin(task: two.job(), limits: HandoffBudget.Limits(slices: 4))
        try await wait("the south holds everything") {
            await two.services[1].read { $0.desk.targets.values.count { $0.state.phase == .held } == 4 }
        }
        two.lose(0)
        try two.takeOver()
        try await wait("the south serves what it held") { try await stored(two, at: 1) == envoys.map { _ in 5 } }
        try await fill(two, 6...7, at: 1)
        try await checkAll(two, at: 1, through: 7)
        two.comeBack()
        try await wait("the north handed over what it held") { try await stored(two, at: 0).allSatisfy { $0 == 0 } }
        try await checkAll(two, at: 1, through: 7)
        await two.close()
    }

    private func checkAll(_ two: TwoPartitions, at number: Int, through last: UInt64) async throws {
        let envoys = envoys
        try await two.services[number].read { service in
            for envoy in envoys {
                let results = try service.store.tables.results.results(of: envoy, limit: 100)
                #expect(results.map(\.sequence) == Array(1...last))
            }
        }
    }
}
