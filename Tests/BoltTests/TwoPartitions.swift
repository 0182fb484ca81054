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

    /// Signs as a bolt does, and counts the lists of bolts.
    struct ListSigner: RunSigner {
        final class Count: Sendable {
            private let count = Mutex(0)
            var value: Int { count.withLock { $0 } }
            func add() { count.withLock { $0 += 1 } }
        }

        let signer: TestSigner
        let count: Count
        var key: VerificationKey { signer.key }

        func sign(_ message: [UInt8]) -> [UInt8] {
            if message.starts(with: Array("bolt list v1".utf8)) { count.add() }
            return signer.sign(message)
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
    /// How many lists of bolts each signed.
    let signedLists = [ListSigner.Count(), ListSigner.Count()]
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
            let signer = ListSigner(signer: bolts[number].signer, count: signedLists[number])
            services.append(try TwoPartitions.service(number, root: root, bolts[number], boards[number], signer))
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
        _ number: Int, root: String, _ bolt: TestIdentity, _ board: OwnershipBoard, _ signer: ListSigner
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
            slices: SliceContext(board: board, chain: bolt.chain, signer: signer),
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
        seen: OwnerMark? = nil, bolts: EnvoyBolts? = nil
    ) async throws -> CheckInAnswer {
        let place = try #require(
            boards[number].place(of: envoy, group: group.map { GroupName(checked: $0) }))
        return await services[number].store(
            PendingCheckIn(
                envoy: envoy, queue: QueueID(envoy), firstHeld: sequences.lowerBound,
                results: TwoPartitions.results(of: envoy, sequences), traits: nil, slice: place.slice, seen: seen,
                bolts: bolts, isPassedOn: seen != nil))
    }

    /// What a check-in of an envoy tells.
    static func results(of envoy: PrincipalID, _ sequences: ClosedRange<UInt64>) -> [SequencedResult] {
        sequences.map { SequencedResult(sequence: $0, body: Array("\(envoy) \($0)".utf8)) }
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

extension TwoPartitions {
    /// Both have a primary that serves its slices.
    static func reigning() async throws -> TwoPartitions {
        let two = try await TwoPartitions()
        for service in two.services {
            try await wait("it reigns") { await service.read { $0.desk.epoch != nil && $0.desk.isPlaced } }
        }
        return two
    }
}
