import CRDT
import Spanner
import SpannerTestKit

/// Both sides of one handoff with shells that do everything at once, unless they are told not to.
struct HandoffPair {
    let world: SliceWorld
    let order: HandoffOrder
    var settings = HandoffSettings()
    var source: HandoffSource
    var target: HandoffTarget
    var sourceRecords: [HandoffSourceRecord] = []
    var targetRecords: [HandoffTargetRecord] = []
    var sourceTip: UInt64 = 10
    var targetTip: UInt64 = 20
    /// Whether standbys have what is durable.
    var sourceIsSafe = true
    var targetIsSafe = true
    var toTarget: [HandoffMessage] = []
    var toSource: [HandoffReply] = []
    /// All that was said.
    var said: [HandoffMessage] = []
    var answered: [HandoffReply] = []
    var sourceTimers: [HandoffTimer] = []
    var targetTimers: [HandoffTimer] = []
    var blockers: [String] = []
    var targetDigest: Bytes32?
    var published: [SignedTransition] = []
    var served: [SignedTransition] = []
    var collections = 0
    var tooLate = 0
    /// What the machines called their end.
    var sourceEnds: [HandoffSourceState.Phase] = []
    var targetEnds: [HandoffTargetState.Phase] = []
    /// Messages that do not arrive.
    var losesToTarget: @Sendable (HandoffMessage.Body) -> Bool = { _ in false }
    var losesToSource: @Sendable (HandoffReply.Body) -> Bool = { _ in false }

    static let digest = TestWitness.digest([42])
    static let epoch = PartitionEpoch(number: 3, minter: ReplicaID(key: .zero, incarnation: 1))

    static func point(_ position: UInt64) -> LogPoint {
        LogPoint(epoch: epoch, position: position, hash: TestWitness.digest([UInt8(truncatingIfNeeded: position)]))
    }

    init?() {
        guard let world = SliceWorld(), let register = world.register(),
            let order = HandoffOrder(
                id: HandoffID(TestWitness.digest([5])), register: register, to: world.other(than: register.owner))
        else { return nil }
        self.world = world
        self.order = order
        source = HandoffPair.source(HandoffSourceState(order: order), safe: 10, world)
        target = HandoffTarget(
            state: HandoffTargetState(order: order), safe: 20, mesh: SliceWorld.mesh, witness: world.witness)
    }

    private static func source(_ state: HandoffSourceState, safe: UInt64, _ world: SliceWorld) -> HandoffSource {
        let partition = world.partitions[state.order.from] ?? TestPartition(state.order.from)
        return HandoffSource(
            state: state, safe: safe,
            voice: HandoffSource.Voice(
                mesh: SliceWorld.mesh, epoch: epoch, warrant: partition.warrant, signer: partition.signer),
            witness: world.witness)
    }

    // MARK: - Steps

    mutating func start() {
        step(.start)
        step(target: .start)
        run()
    }

    mutating func step(_ event: HandoffSource.Event) {
        for effect in source.step(event) { perform(effect) }
    }

    mutating func step(target event: HandoffTarget.Event) {
        for effect in target.step(event) { perform(effect) }
    }

    /// Delivers until nothing is on its way.
    mutating func run() {
        for _ in 0..<1000 where !toTarget.isEmpty || !toSource.isEmpty {
            if !toTarget.isEmpty {
                step(target: .received(toTarget.removeFirst()))
            } else {
                step(.received(toSource.removeFirst()))
            }
        }
    }

    /// The standbys catch up.
    mutating func makeSafe() {
        (sourceIsSafe, targetIsSafe) = (true, true)
        step(.safe(through: sourceTip))
        step(target: .safe(through: targetTip))
        run()
    }

    /// The last timer of a kind fires.
    mutating func fire(_ kind: HandoffTimer.Kind) {
        if let timer = sourceTimers.last(where: { $0.kind == kind }) { step(.timerFired(timer)) }
        run()
    }

    /// Another primary at the source goes on with what is journaled.
    mutating func restartSource(losing lost: Int = 0) {
        sourceRecords.removeLast(lost)
        var state = HandoffSourceState(order: order)
        for (index, record) in sourceRecords.enumerated() {
            state.apply(record, at: HandoffPair.point(11 + UInt64(index)))
        }
        sourceTip += 1
        (toTarget, toSource, sourceTimers) = ([], [], [])
        source = HandoffPair.source(state, safe: sourceTip, world)
        step(.start)
        run()
    }

    /// Another primary at the target goes on with what is journaled.
    mutating func restartTarget(losing lost: Int = 0) {
        targetRecords.removeLast(lost)
        var state = HandoffTargetState(order: order)
        for (index, record) in targetRecords.enumerated() {
            state.apply(record, at: HandoffPair.point(21 + UInt64(index)))
        }
        targetTip += 1
        (toTarget, toSource, targetTimers) = ([], [], [])
        target = HandoffTarget(state: state, safe: targetTip, mesh: SliceWorld.mesh, witness: world.witness)
        step(target: .start)
        run()
    }

    // MARK: - Shells

    private mutating func perform(_ effect: HandoffSource.Effect) {
        switch effect {
        case .journal(let record):
            sourceRecords.append(record)
            sourceTip += 1
            step(.journaled(record, at: HandoffPair.point(sourceTip)))
            if sourceIsSafe { step(.safe(through: sourceTip)) }
        case .send(let message):
            said.append(message)
            if !losesToTarget(message.body) { toTarget.append(message) }
        case .readSnapshot(_, _, let place):
            let point = place ?? HandoffPair.point(sourceTip)
            step(.read(HandoffPiece(place: .snapshot(of: point, number: 0, isLast: true), content: [1, 2, 3])))
        case .readTail(let after, let limit):
            step(.skipped(after: after, through: HandoffPair.point(limit)))
        case .locate(let points): step(.located(points.first { $0 == HandoffPair.point($0.position) }))
        case .digest(let point): step(.digested(at: point, HandoffPair.digest))
        case .publish(let signed): published.append(signed)
        case .collect:
            collections += 1
            step(.collected)
        case .setTimer(let timer, _): sourceTimers.append(timer)
        case .tooLateToCancel: tooLate += 1
        case .ended(let phase): sourceEnds.append(phase)
        }
    }

    private mutating func perform(_ effect: HandoffTarget.Effect) {
        switch effect {
        case .check: step(target: .checked(blockers: blockers))
        case .journal(let record):
            targetRecords.append(record)
            targetTip += 1
            step(target: .journaled(record, at: HandoffPair.point(targetTip)))
            if targetIsSafe { step(target: .safe(through: targetTip)) }
        case .reply(let reply):
            answered.append(reply)
            if !losesToSource(reply.body) { toSource.append(reply) }
        case .digest(let point): step(target: .digested(at: point, targetDigest ?? HandoffPair.digest))
        case .serve(let signed): served.append(signed)
        case .setTimer(let timer, _): targetTimers.append(timer)
        case .ended(let phase): targetEnds.append(phase)
        }
    }

    /// The kinds of what was said, for comparison.
    var words: [String] {
        said.map { message in
            switch message.body {
            case .offer: "offer"
            case .piece: "piece"
            case .rewind: "rewind"
            case .seal: "seal"
            case .handOn: "hand-on"
            case .cancelled: "cancelled"
            }
        }
    }
}

extension HandoffMessage.Body {
    var isPiece: Bool { if case .piece = self { true } else { false } }
    var isSeal: Bool { if case .seal = self { true } else { false } }
    var isHandOn: Bool { if case .handOn = self { true } else { false } }
}

extension HandoffReply.Body {
    var isHeld: Bool { if case .held = self { true } else { false } }
    var isAdopted: Bool { if case .adopted = self { true } else { false } }
}
