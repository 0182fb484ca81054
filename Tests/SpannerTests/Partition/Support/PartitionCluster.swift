import CRDT

@testable import Spanner

/// A few bolts of one partition with links that deliver in order, on command. Disks write at once unless held.
struct PartitionCluster {
    struct Bolt {
        var disk: PartitionTestDisk
        var machine: PartitionMachine?
        var timer: TimerID?
        /// Transactions that wait while the disk is held.
        var held: [(BatchID, PartitionWrite)] = []
        var isHeld = false
        /// Its events wait, as under SIGSTOP.
        var isPaused = false
        var roles: [PartitionRole] = []
        var notes: [PartitionNotification] = []
    }

    struct Letter {
        let from: Int
        let to: Int
        let message: PartitionMessage
    }

    let settings: PartitionSettings
    let genesis = ChainWitness().hash(Array("a partition".utf8))
    var bolts: [Bolt] = []
    var letters: [Letter] = []
    var cut: Set<[Int]> = []
    var outcomes: [CommandID: PartitionOutcome] = [:]
    var resolutions: [OperationID: PartitionResolution] = [:]
    var lives: [UInt64] = []
    var next: UInt64 = 1
    var mutation: PartitionMutation?

    init(_ count: Int, settings: PartitionSettings = PartitionSettings(), mutation: PartitionMutation? = nil) {
        (self.settings, self.mutation) = (settings, mutation)
        for _ in 0..<count {
            bolts.append(Bolt(disk: PartitionTestDisk(genesis: genesis)))
            lives.append(1)
        }
    }

    func id(_ bolt: Int) -> ReplicaID {
        ReplicaID(key: ChainWitness().hash([UInt8(bolt)]), incarnation: lives[bolt])
    }

    func index(of disk: ReplicaID) -> Int? { bolts.indices.first { id($0) == disk } }

    static func operation(_ number: UInt64) -> OperationID { OperationID(PrincipalID(high: 7, low: number)) }

    // MARK: - Lives and links

    mutating func start(_ bolt: Int) {
        bolts[bolt].machine = PartitionMachine(
            own: PartitionSelf(partition: genesis, disk: id(bolt)), witness: ChainWitness(), settings: settings,
            mutation: mutation)
        step(bolt, .started(bolts[bolt].disk.durable))
        for other in bolts.indices
        where other != bolt && bolts[other].machine != nil && !cut.contains(pair(bolt, other)) {
            link(bolt, other)
        }
    }

    mutating func startAll() { for bolt in bolts.indices { start(bolt) } }

    mutating func kill(_ bolt: Int) {
        bolts[bolt].machine = nil
        (bolts[bolt].held, bolts[bolt].isHeld, bolts[bolt].isPaused) = ([], false, false)
        letters.removeAll { $0.to == bolt || $0.from == bolt }
        for other in bolts.indices where other != bolt && bolts[other].machine != nil {
            step(other, .linkDown(linkID(other, bolt)))
        }
    }

    mutating func loseDisk(_ bolt: Int) {
        lives[bolt] += 1
        bolts[bolt].disk = PartitionTestDisk(genesis: genesis)
    }

    private func pair(_ one: Int, _ other: Int) -> [Int] { [min(one, other), max(one, other)] }
    private func linkID(_ at: Int, _ to: Int) -> LinkID { LinkID(UInt64(at * 16 + to)) }

    private mutating func link(_ one: Int, _ other: Int) {
        step(one, .linkUp(linkID(one, other), id(other)))
        step(other, .linkUp(linkID(other, one), id(one)))
    }

    /// No words between these two.
    mutating func split(_ one: Int, _ other: Int) {
        guard cut.insert(pair(one, other)).inserted else { return }
        letters = letters.filter { pair($0.from, $0.to) != pair(one, other) }
        if bolts[one].machine != nil { step(one, .linkDown(linkID(one, other))) }
        if bolts[other].machine != nil { step(other, .linkDown(linkID(other, one))) }
    }

    mutating func isolate(_ bolt: Int) { for other in bolts.indices where other != bolt { split(bolt, other) } }

    mutating func heal() {
        let pairs = cut.sorted { $0.lexicographicallyPrecedes($1) }
        cut = []
        for ends in pairs where bolts[ends[0]].machine != nil && bolts[ends[1]].machine != nil {
            link(ends[0], ends[1])
        }
    }

    // MARK: - Time and events

    mutating func step(_ bolt: Int, _ event: PartitionMachine.Event) {
        guard let effects = bolts[bolt].machine?.step(event) else { return }
        for effect in effects { carryOut(effect, at: bolt) }
    }

    private mutating func carryOut(_ effect: PartitionMachine.Effect, at bolt: Int) {
        switch effect {
        case .persist(let batch, let write):
            if bolts[bolt].isHeld { bolts[bolt].held.append((batch, write)) } else { commit(batch, write, at: bolt) }
        case .load(let load, let from, let bytesMax):
            step(bolt, .loaded(load, bolts[bolt].disk.records(from: from, bytesMax: bytesMax)))
        case .send(let message, let link):
            let to = Int(link.raw % 16)
            guard !cut.contains(pair(bolt, to)), bolts[to].machine != nil else { return }
            letters.append(Letter(from: bolt, to: to, message: message))
        case .close: break
        case .schedule(let timer, _): bolts[bolt].timer = timer
        case .complete(let command, let outcome):
            if outcomes[command] != nil { bolts[bolt].disk.broken.append("answered twice: \(command)") }
            outcomes[command] = outcome
        case .resolve(let operation, let resolution): resolutions[operation] = resolution
        case .takeSnapshot(let link):
            let tip = bolts[bolt].disk.tip
            step(bolt, .snapshotTaken(link, tip, bytes: 1, digest: tip.hash))
        case .installSnapshot(let link, _, _, _):
            bolts[bolt].disk.install(bolts[Int(link.raw % 16)].disk)
            step(bolt, .snapshotInstalled(bolts[bolt].disk.durable))
        case .role(let role): bolts[bolt].roles.append(role)
        case .notify(let note): bolts[bolt].notes.append(note)
        }
    }

    private mutating func commit(_ batch: BatchID, _ write: PartitionWrite, at bolt: Int) {
        if let failure = bolts[bolt].disk.commit(write) {
            step(bolt, .persistFailed(batch, failure))
        } else {
            step(bolt, .persisted(batch))
        }
    }

    mutating func hold(_ bolt: Int) { bolts[bolt].isHeld = true }

    mutating func release(_ bolt: Int) {
        bolts[bolt].isHeld = false
        let waiting = bolts[bolt].held
        bolts[bolt].held = []
        for (batch, write) in waiting { commit(batch, write, at: bolt) }
    }

    /// Delivers what is on its way, in order, until nothing is, or so many.
    mutating func deliver(_ most: Int = 10_000) {
        var (delivered, place) = (0, 0)
        while place < letters.count, delivered < most {
            let letter = letters[place]
            if bolts[letter.to].isPaused {
                place += 1
                continue
            }
            letters.remove(at: place)
            delivered += 1
            if delivered == 5_000 {
                let kinds = letters.prefix(6).map { String("\($0.from)>\($0.to) \($0.message)".prefix(120)) }
                bolts[0].disk.broken.append("a storm of words: \(kinds) at \(summary)")
                letters = []
            }
            step(letter.to, .received(letter.message, on: linkID(letter.to, letter.from)))
        }
    }

    /// One heartbeat interval everywhere, with everything that it sends.
    mutating func tick(_ times: Int = 1) {
        for _ in 0..<times {
            deliver()
            for bolt in bolts.indices where !bolts[bolt].isPaused {
                if let timer = bolts[bolt].timer { step(bolt, .timerFired(timer)) }
            }
            deliver()
        }
    }

    // MARK: - People

    mutating func command(_ bolt: Int, _ level: PartitionAckLevel = .paired) -> CommandID {
        command(bolt, [withUnsafeBytes(of: (next + 1).bigEndian) { Array($0) }], level)
    }

    mutating func command(_ bolt: Int, _ changes: [[UInt8]], _ level: PartitionAckLevel = .paired) -> CommandID {
        next += 1
        let command = CommandID(next)
        step(bolt, .command(command, changes, level: level))
        return command
    }

    mutating func ask(_ bolt: Int, _ asked: PartitionOperation) -> OperationID {
        next += 1
        let operation = PartitionCluster.operation(next)
        step(bolt, .operation(operation, asked))
        return operation
    }

    /// A partition of all bolts with bolt 0 as its primary and the others in sync.
    static func founded(
        _ count: Int, settings: PartitionSettings = PartitionSettings(), mutation: PartitionMutation? = nil
    ) -> PartitionCluster {
        var cluster = PartitionCluster(count, settings: settings, mutation: mutation)
        cluster.startAll()
        cluster.deliver()
        _ = cluster.ask(0, .found(members: (0..<count).map { cluster.id($0) }))
        cluster.tick(15)
        return cluster
    }

    // MARK: - What is

    var primaries: [Int] {
        bolts.indices.filter { bolt in
            if case .primary = bolts[bolt].machine?.role { return true }
            return false
        }
    }

    func inSync(_ bolt: Int) -> [Int] {
        (bolts[bolt].machine?.configuration?.inSync ?? []).compactMap { index(of: $0) }.sorted()
    }

    func isDone(_ operation: OperationID) -> Bool {
        if case .done = resolutions[operation] { true } else { false }
    }

    func level(_ command: CommandID) -> PartitionAckLevel? {
        if case .done(_, let level, _) = outcomes[command] { return level }
        return nil
    }

    func bytes(_ command: CommandID) -> [UInt8] { withUnsafeBytes(of: command.raw.bigEndian) { Array($0) } }

    /// What each bolt is and holds, in short.
    var summary: String {
        bolts.map { bolt in
            let role = bolt.machine.map { "\($0.role)".replacing("Spanner.PartitionRole.", with: "") } ?? "dead"
            return "\(role) \(bolt.disk.tip.epoch):\(bolt.disk.tip.position) safe \(bolt.disk.safe)"
        }.joined(separator: " | ")
    }

    var broken: [String] { bolts.flatMap(\.disk.broken) }

    /// Whether all that live hold one log, all of it safe.
    var isEven: Bool {
        let alive = bolts.filter { $0.machine != nil }
        return Set(alive.map(\.disk.tip)).count == 1 && alive.allSatisfy { $0.disk.safe == $0.disk.tip.position }
    }
}
