import CRDT
import Spanner
import SpannerTestKit

/// One machine on a stage: bolt 0 of a mesh of some bolts, whose peers say what a test wants them to say.
struct GossipStage {
    static let second = Duration.seconds(1)

    var machine: GossipMachine
    let members: [TestIdentity]
    private(set) var last: [GossipMachine.Effect] = []
    /// Timers that were asked for and have not fired, oldest first.
    private(set) var timers: [(id: TimerID, after: Duration)] = []
    private var nextCommand: UInt64 = 1
    private var inFlight: BatchID?

    /// `admitted` bolts are in the roster, of which the first runs the machine; 0: the roster is empty.
    init(admitted: Int = 3, settings: GossipSettings = GossipSettings(), started: Bool = true) {
        members = (0..<max(admitted, 1)).map { GossipStage.bolt($0) }
        let own = members[0]
        machine = GossipMachine(
            own: GossipSelf(
                mesh: TestIdentity.mesh, bolt: PrincipalID(high: 1, low: 0), tlsKey: own.author.tlsKey,
                replica: own.replica(7), chain: own.chain),
            roster: GossipStage.roster(Array(members.prefix(admitted))), witness: TestWitness(), signer: own.signer,
            settings: settings, seed: 1)
        if started { step(.started) }
    }

    static func bolt(_ number: Int) -> TestIdentity {
        TestIdentity(
            .bolt(PartitionName(checked: "p\(number)"), BoltName(checked: "b\(number)")), seed: UInt64(number))
    }

    static func admission(_ number: Int) -> Admission {
        var admission = Admission(
            role: .bolt, id: PrincipalID(high: 1, low: UInt64(number)), name: name("b\(number).p\(number)"),
            tlsKey: bolt(number).author.tlsKey)
        admission.signingKey = bolt(number).author.signingKey
        admission.partition = PartitionName(checked: "p\(number)")
        admission.address = "b\(number):7440"
        return admission
    }

    static func name(_ text: String) -> PrincipalName {
        guard let name = PrincipalName(text) else { preconditionFailure("\(text) is no name") }
        return name
    }

    /// The runs that the machine's roster began with.
    var genesis: [SignedRun] { [GossipStage.genesis(members)] }

    private static func genesis(_ bolts: [TestIdentity]) -> SignedRun {
        let payloads: [RosterEvent.Payload] =
            [.open(chain: TestIdentity.root.chain)]
            + bolts.indices.map { .act(TestIdentity.root.act(.admit(admission($0)), nonce: UInt64($0))) }
        var writer = GossipWriter(identity: TestIdentity.root, incarnation: 0)
        return writer.run(payloads)
    }

    private static func roster(_ bolts: [TestIdentity]) -> Roster {
        var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        if bolts.isEmpty { return roster }
        guard case .success(let checked) = roster.check(genesis(bolts)) else {
            preconditionFailure("the genesis does not verify")
        }
        roster.apply(checked)
        return roster
    }

    // MARK: - Driving

    @discardableResult
    mutating func step(_ event: GossipMachine.Event) -> [GossipMachine.Effect] {
        last = machine.step(event)
        for effect in last {
            if case .schedule(let timer, let after) = effect { timers.append((timer, after)) }
            if case .persist(let batch, _) = effect { inFlight = batch }
        }
        return last
    }

    /// Links peer `number` and says hello; its context says that it holds `vector` (nil: what is held here).
    @discardableResult
    mutating func link(_ number: Int, as link: UInt64? = nil, holding vector: VersionVector? = nil) -> LinkID {
        let id = LinkID(link ?? UInt64(number))
        step(.linkUp(id, identity(number), dialed: true))
        step(.received(.hello(hello(number)), on: id))
        step(.received(context(vector ?? machine.roster.vector), on: id))
        return id
    }

    func identity(_ number: Int) -> PeerIdentity {
        let author = GossipStage.bolt(number).author
        return PeerIdentity(tlsKey: author.tlsKey, signingKey: author.signingKey)
    }

    func hello(_ number: Int, incarnation: UInt64 = 7) -> GossipMessage.Hello {
        GossipMessage.Hello(
            versionMin: 1, versionMax: 1, mesh: TestIdentity.mesh,
            replica: GossipStage.bolt(number).replica(incarnation), bolt: PrincipalID(high: 1, low: UInt64(number)),
            features: 0)
    }

    /// A context with a digest that is right only where the vector is that of the machine.
    func context(_ vector: VersionVector) -> GossipMessage {
        let digest = vector == machine.roster.vector ? machine.roster.digest : TestWitness.digest([1])
        return .context(digest: digest, vector: vector)
    }

    mutating func command(
        _ payloads: [RosterEvent.Payload]? = nil, level: AckLevel = .local
    ) -> CommandID {
        defer { nextCommand += 1 }
        let id = CommandID(nextCommand)
        step(
            .command(
                id, payloads: payloads ?? [.unknown(kind: 99, content: [UInt8(truncatingIfNeeded: nextCommand)])],
                at: WallTime(milliseconds: 5), level: level))
        return id
    }

    /// Answers the transaction that is on its way, and those that follow it; all effects together.
    @discardableResult
    mutating func persistAll() -> [GossipMachine.Effect] {
        var all: [GossipMachine.Effect] = []
        while let batch = inFlight {
            inFlight = nil
            all += step(.persisted(batch))
        }
        last = all
        return all
    }

    /// Fires the round timer, which is the newest one of a round's length or the first of all.
    mutating func round(_ count: Int = 1) {
        for _ in 0..<count {
            guard let place = timers.firstIndex(where: { $0.after <= GossipStage.second }) else { return }
            step(.timerFired(timers.remove(at: place).id))
        }
    }

    mutating func fire(after: Duration) {
        guard let place = timers.firstIndex(where: { $0.after == after }) else { return }
        step(.timerFired(timers.remove(at: place).id))
    }

    // MARK: - Looking at the last step

    var persisting: (id: BatchID, runs: [SignedRun])? {
        for effect in last {
            if case .persist(let id, let runs) = effect { return (id, runs) }
        }
        return nil
    }

    var freezing: ForkProof? {
        for effect in last {
            if case .freeze(let proof) = effect { return proof }
        }
        return nil
    }

    var loading: (id: LoadID, replica: ReplicaID, after: UInt64, bytesMax: Int)? {
        for effect in last {
            if case .load(let id, let replica, let after, let bytesMax) = effect {
                return (id, replica, after, bytesMax)
            }
        }
        return nil
    }

    var outcomes: [CommandID: CommandOutcome] {
        var found: [CommandID: CommandOutcome] = [:]
        for effect in last {
            if case .complete(let id, let outcome) = effect { found[id] = outcome }
        }
        return found
    }

    func sent(to link: LinkID) -> [GossipMessage] {
        last.compactMap { effect in
            if case .send(let message, let to) = effect, to == link { return message }
            return nil
        }
    }

    var closed: [LinkID: CloseReason] {
        var found: [LinkID: CloseReason] = [:]
        for effect in last {
            if case .close(let link, let reason) = effect { found[link] = reason }
        }
        return found
    }

    var notifications: [GossipMachine.Notification] {
        last.compactMap { effect in
            if case .notify(let notification) = effect { return notification }
            return nil
        }
    }
}

/// Writes runs of one replica, one after the other.
struct GossipWriter {
    let identity: TestIdentity
    let replica: ReplicaID
    private var head: ChainHead

    init(identity: TestIdentity, incarnation: UInt64) {
        self.identity = identity
        replica = identity.replica(incarnation)
        head = Roster(mesh: TestIdentity.mesh, witness: TestWitness()).head(of: replica)
    }

    mutating func run(_ payloads: [RosterEvent.Payload]) -> SignedRun {
        let builder = RunBuilder(
            replica: replica, mesh: TestIdentity.mesh, witness: TestWitness(), signer: identity.signer)
        do throws(RosterDraftError) {
            let run = try builder.build(payloads, at: WallTime(milliseconds: 1), after: head)
            let chain = EventChain(mesh: TestIdentity.mesh, witness: TestWitness())
            head = ChainHead(counter: run.last, hash: chain.head(after: head.hash, run.bodies), author: identity.author)
            return run
        } catch {
            preconditionFailure("the run cannot be written: \(error)")
        }
    }

    /// The opening and `count` events; without the opening later on.
    mutating func run(count: Int) -> SignedRun {
        let open: [RosterEvent.Payload] = head.counter == 0 ? [.open(chain: identity.chain)] : []
        return run(open + (0..<count).map { .unknown(kind: 99, content: [UInt8(truncatingIfNeeded: $0)]) })
    }
}
