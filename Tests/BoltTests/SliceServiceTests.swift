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

/// Two partitions of one bolt each over real databases, with lines of their own between them, and one roster.
final class TwoPartitions: Sendable {
    /// What one of them sends to the other.
    private final class Line: SliceLine {
        let from: PartitionName
        let to: PartitionService
        private let isCut = Mutex(false)
        private let dropsHeld = Mutex(false)

        init(from: PartitionName, to: PartitionService) { (self.from, self.to) = (from, to) }

        var queuedBytes: Int { 0 }
        func processed(bytes: Int) {}
        func cut(_ cut: Bool) { isCut.withLock { $0 = cut } }
        func dropHeld() { dropsHeld.withLock { $0 = true } }

        func send(_ message: PeerMessage) -> Bool {
            guard !isCut.withLock({ $0 }) else { return false }
            if case .handoffReply(let reply) = message, case .held = reply.body, dropsHeld.withLock({ $0 }) {
                return false
            }
            to.post(.slices(self, from, message, bytes: message.body.count))
            return true
        }
    }

    private struct Gossip {
        var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
    }

    static let names = ["north", "south"].map { PartitionName(checked: $0) }
    static let document = """
        version: 1
        mesh: {name: trial}
        groups:
          - {name: near, slices: 2, match: [{hostname: "near-*"}]}
          - {name: far, slices: 2, match: [{hostname: "far-*"}]}
          - {name: all, slices: 4}
        partitions:
          - {name: north, groups: [near, far, all], bolts: [{name: a, address: "127.0.0.1:1"}]}
          - {name: south, groups: [near, far, all], bolts: [{name: a, address: "127.0.0.1:2"}]}
        """

    let root = NSTemporaryDirectory() + "bolt-two-\(UUID().uuidString.prefix(8))"
    let bolts: [TestIdentity]
    let boards: [OwnershipBoard]
    let services: [PartitionService]
    private let gossip = Mutex(Gossip())
    private let lines: [Line]
    /// Who hears nothing of the roster.
    private let lost = Mutex<Int?>(nil)
    private let losesSouthAtHandOn = Mutex(false)
    private let homes = Mutex<[PrincipalID: SliceID]>([:])

    init() async throws {
        bolts = TwoPartitions.names.enumerated().map { number, name in
            TestIdentity(.bolt(name, BoltName(checked: "a")), seed: UInt64(number) + 1)
        }
        boards = TwoPartitions.names.map {
            OwnershipBoard(own: $0, mesh: TestIdentity.mesh, witness: TestWitness())
        }
        var services: [PartitionService] = []
        for number in bolts.indices {
            services.append(try TwoPartitions.service(number, root: root, bolts[number], boards[number]))
        }
        self.services = services
        lines = [0, 1].map { Line(from: TwoPartitions.names[$0], to: services[1 - $0]) }
        for number in bolts.indices {
            boards[number].setLines([TwoPartitions.names[1 - number]: lines[number]])
            try write(number, .open(chain: bolts[number].chain))
        }
        try apply()
        for (number, service) in services.enumerated() {
            await service.bind(
                tell: { [weak self] news in
                    guard case .transitions(let transitions) = news else { return }
                    self?.tell(transitions, from: number)
                },
                placing: { [weak self] envoys in self?.places(of: envoys) ?? [:] })
            await service.start { _ in }
            service.post(.surroundings(PartitionSurroundings()))
            service.post(.registersHeard)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    private static func service(
        _ number: Int, root: String, _ bolt: TestIdentity, _ board: OwnershipBoard
    ) throws -> PartitionService {
        let name = names[number]
        let identity = "\(root)/\(name)/identity"
        try FileManager.default.createDirectory(atPath: identity, withIntermediateDirectories: true)
        let mark = FounderMark(directory: identity)
        try mark.make(partition: name.text)
        let store = try PartitionStore(
            directory: StateDirectory(path: "\(root)/\(name)/state"),
            identity: PartitionIdentity(mesh: TestIdentity.mesh, partition: name), witness: TestWitness())
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let start = try PartitionStart(
            store: store, key: TestWitness().hash([UInt8(number)]), mark: mark, logger: logger, witness: TestWitness())
        let sealing = SealService(VaultOwner(mesh: TestIdentity.mesh, partition: name), keyFile: nil, logger: logger)
        return PartitionService(
            start, settings: PartitionSettings(), recordsKept: 1000, witness: TestWitness(), sealing: sealing,
            logger: logger, metrics: MetricsRegistry(),
            slices: SliceContext(board: board, chain: bolt.chain, signer: bolt.signer),
            failure: { error in Issue.record("\(error)") })
    }

    // MARK: The roster

    private func write(_ number: Int, _ payloads: RosterEvent.Payload...) throws {
        try gossip.withLock { gossip in
            let replica = bolts[number].replica(1)
            let builder = RunBuilder(
                replica: replica, mesh: TestIdentity.mesh, witness: TestWitness(), signer: bolts[number].signer)
            let head = gossip.roster.head(of: replica)
            let run = try builder.build(payloads, at: WallTime(milliseconds: 1), after: head)
            gossip.roster.apply(try gossip.roster.check(run).get())
        }
        let roster = gossip.withLock { $0.roster }
        hear(roster)
    }

    private func hear(_ roster: Roster) {
        let away = lost.withLock { $0 }
        for number in services.indices where number != away {
            let news = boards[number].take(roster, anew: false)
            if !news.slices.isEmpty || news.topology { services[number].post(.registersMoved(news.slices)) }
        }
    }

    /// An envoy is admitted without a group: that is “all”.
    func admit(_ envoy: PrincipalID) throws {
        let name = try #require(PrincipalName("web-\(envoy.description.suffix(12))"))
        let key = KeyFingerprint(TestWitness.digest(envoy.bytes))
        var admission = Admission(role: .envoy, id: envoy, name: name, tlsKey: key)
        admission.sealingKey = TestWitness.digest(key.bytes.bytes)
        admission.partition = TwoPartitions.names[0]
        try write(0, .admit(admission))
    }

    /// It is given another group.
    func regroup(_ envoy: PrincipalID, to group: String) throws {
        let (replica, name) = (bolts[0].replica(1), GroupName(checked: group))
        let draft = try gossip.withLock { try $0.roster.draftAmendment(of: envoy, by: replica, group: name) }
        try write(0, draft)
    }

    private func tell(_ transitions: [SignedTransition], from number: Int) {
        if number == 0, losesSouthAtHandOn.withLock({ $0 }) { lose(1) }
        let untold = boards[number].untold(transitions)
        if !untold.isEmpty { try? write(number, .slices(SliceDelta(untold))) }
        services[number].post(.registersMoved(transitions.map(\.transition.slice)))
    }

    func apply(on base: Bytes32 = .zero, task: UInt64 = 1) throws {
        let topology = try #require(TopologyDocument(parsing: TwoPartitions.document, file: "t").topology)
        let note = AppliedTopology(
            topology: topology, drains: [], bolt: "a.north", reason: "", task: PrincipalID(high: 1, low: task),
            moves: false, summary: "")
        // All slices begin in the north, but for those of the group “far”.
        let owners = [("near", 2, 0), ("far", 2, 1), ("all", 4, 0)]
        let apply = try #require(
            TopologyApply(
                base: base, plan: .zero, at: WallTime(milliseconds: task), actor: "operator/ada",
                document: Array(try APIJSON.encode(note)),
                groups: owners.map { name, slices, owner in
                    .init(
                        name: GroupName(checked: name), slices: UInt32(slices),
                        candidates: [Placement.Candidate(partition: TwoPartitions.names[owner])])
                }, hashedBy: TestWitness()))
        for part in apply.parts { try write(0, .topology(part)) }
    }

    // MARK: Work

    /// From now on the roster has this envoy in that slice.
    func setHome(of envoy: PrincipalID, to slice: SliceID) { homes.withLock { $0[envoy] = slice } }

    private func places(of envoys: [PrincipalID]) -> [PrincipalID: SliceID] {
        homes.withLock { homes in homes.filter { envoys.contains($0.key) } }
    }

    func cutLines(_ cut: Bool) { for line in lines { line.cut(cut) } }

    /// Nobody is told that the south holds everything.
    func dropHeld() { lines[1].dropHeld() }

    /// One of the two is lost: nothing comes from it, and it hears nothing.
    func lose(_ number: Int) {
        lost.withLock { $0 = number }
        cutLines(true)
    }

    /// The south is lost when it was handed a slice and does not know it yet.
    func loseSouthAtHandOn() { losesSouthAtHandOn.withLock { $0 = true } }

    /// Who was lost is back, with its disk.
    func comeBack() {
        losesSouthAtHandOn.withLock { $0 = false }
        lost.withLock { $0 = nil }
        cutLines(false)
        hear(gossip.withLock { $0.roster })
    }

    /// A check-in of an envoy, wherever its slice is thought to be.
    func checkIn(
        _ envoy: PrincipalID, _ sequences: ClosedRange<UInt64>, at number: Int, as group: String? = nil,
        seen: OwnerMark? = nil
    ) async throws -> CheckInAnswer {
        let place = try #require(
            boards[number].place(of: envoy, group: group.map { GroupName(checked: $0) }))
        return await services[number].store(
            PendingCheckIn(
                envoy: envoy, queue: QueueID(envoy), firstHeld: sequences.lowerBound,
                results: sequences.map { SequencedResult(sequence: $0, body: Array("\(envoy) \($0)".utf8)) },
                traits: nil, slice: place.slice, seen: seen, isPassedOn: seen != nil))
    }

    /// The task that takes all slices of the north to the south.
    func job(_ number: UInt64 = 1) throws -> RebalanceJob {
        let genesis = try #require(boards[0].geneses.first)
        let moves = boards[0].registers(of: genesis).filter { $0.owner == TwoPartitions.names[0] }.compactMap {
            RebalanceMove(register: $0, to: TwoPartitions.names[1], envoys: 1, bytes: 100)
        }
        return try #require(
            RebalanceJob(id: PrincipalID(high: 5, low: number), topology: .zero, moves: moves))
    }

    /// An operator gives all slices of the one, the north, to the other.
    func takeOver(from number: Int = 0) throws {
        let ada = TestIdentity(.operator(OperatorName(checked: "ada")), seed: 1)
        let genesis = try #require(boards[1 - number].geneses.first)
        let registers = boards[1 - number].registers(of: genesis)
        let taken = registers.filter { $0.owner == TwoPartitions.names[number] }.compactMap {
            SliceTransition(
                ending: $0, to: TwoPartitions.names[1 - number],
                cause: .takeover(
                    act: PrincipalID(high: 6, low: 6), at: WallTime(milliseconds: 6), reason: "its disks are lost"))
        }
        try write(1 - number, .slices(SliceDelta(taken.map { ada.sign($0) })))
    }

    /// The north says of its first slice that it was handed on, and the south never took it.
    func handOnUntaken() throws -> SliceID {
        let genesis = try #require(boards[0].geneses.first)
        let register = try #require(boards[0].registers(of: genesis).first)
        let point = LogPoint(
            epoch: PartitionEpoch(number: 1, minter: bolts[0].replica(1)), position: 1, hash: TestWitness.digest([1]))
        let transition = try #require(
            SliceTransition(
                ending: register, to: TwoPartitions.names[1],
                cause: .handOn(seal: SliceSeal(point: point, digest: TestWitness.digest([2])))))
        try write(0, .slices(SliceDelta([bolts[0].sign(transition)])))
        return register.slice
    }

    func owners(_ number: Int) throws -> Set<PartitionName> {
        Set(boards[number].registers(of: try #require(boards[number].geneses.first)).map(\.owner))
    }

    func close() async { for service in services { await service.close() } }
}

/// Slices go from one partition's service to another's, for real but for the wire between them.
struct SliceServiceTests {
    private func wait(
        _ what: String, seconds: Int = 40, _ condition: () async throws -> Bool,
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "not in time: \(what)", sourceLocation: location)
            await Task.yield()
        }
    }

    private func reigning() async throws -> TwoPartitions {
        let two = try await TwoPartitions()
        for service in two.services {
            try await wait("it reigns") { await service.read { $0.desk.epoch != nil && $0.desk.isPlaced } }
        }
        return two
    }

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
        let two = try await reigning()
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
        try await wait("the task is over") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
        let view = try #require(await two.services[0].read { $0.taskView(job.id) })
        #expect(view.isComplete && view.progress.done == 4 && view.stuck.isEmpty)
        try await reversed(two, job)
        await two.close()
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
        let two = try await reigning()
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
        let two = try await reigning()
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
        let two = try await reigning()
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
        for (more, isTrue) in [(UInt64(0), true), (1, false)] {
            let said = OwnerReceipt(
                register: hash, epoch: receipt.epoch, queue: QueueID(envoys[0]),
                storedThrough: receipt.storedThrough, releaseThrough: receipt.releaseThrough + more)
            let isBorne = sight.bears(
                said, signature: receipt.signature, from: nil, mesh: TestIdentity.mesh,
                witness: BoltSliceWitness(TestWitness()))
            #expect(isBorne == isTrue, "P6: the owner signs what another partition's bolt passes on")
        }
        return receipt
    }

    @Test(
        "P2: an owner proves itself once to an envoy that has not seen it, and after a handoff the next one does",
        .timeLimit(.minutes(2)))
    func proved() async throws {
        let two = try await reigning()
        var sight = OwnerSight()
        let shown = try await follow(two, &sight, 1...2, at: 0)
        #expect(shown.voucher != nil)
        let first = try #require(sight.freshness?.register)
        #expect(first.owner == TwoPartitions.names[0] && sight.fence.register == 2)
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
        let two = try await reigning()
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
        let two = try await reigning()
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
        let two = try await reigning()
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
        let two = try await reigning()
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
        let two = try await reigning()
        try await fill(two, 1...5, at: 0)
        two.loseSouthAtHandOn()
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 4))
        try await wait("a slice was handed on") { try two.owners(0).contains(TwoPartitions.names[1]) }
        // What was not handed on yet is cancelled, though its target answers nothing.
        #expect(await two.services[0].command(.cancel, task: job.id) == nil)
        try await wait("the task is over") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
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
        let two = try await reigning()
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
