import CRDT
import Spanner
import SpannerTestKit
import Synchronization
import Testing

/// Counts what is hashed.
private final class CountingWitness: Witness {
    private let base = TestWitness()
    private let hashes = Mutex(0)

    var count: Int { hashes.withLock { $0 } }

    func hash(_ bytes: [UInt8]) -> Bytes32 {
        hashes.withLock { $0 += 1 }
        return base.hash(bytes)
    }

    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
        base.verify(signature: signature, over: message, by: key)
    }

    func author(certifiedBy chain: [[UInt8]]) -> Author? { base.author(certifiedBy: chain) }

    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool {
        base.handsOn(principal, of: mesh, from: from, to: to, sealingKey: sealingKey, proof: proof)
    }
}

@Suite("Rebalance tasks: what they cost")
struct RebalanceCostTests {
    private static let slices: UInt32 = 400

    /// A task that has begun nothing yet, with the registers of its slices.
    private func make(
        _ world: SliceWorld, _ witness: CountingWitness
    ) throws -> (task: RebalanceTask, registers: [SliceRegister]) {
        let registers = (0..<RebalanceCostTests.slices).compactMap { world.register($0) }
        let moves = registers.compactMap {
            RebalanceMove(register: $0, to: world.other(than: $0.owner), envoys: 1, bytes: 10)
        }
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves))
        let state = RebalanceState(job: job, limits: HandoffBudget.Limits(slices: 8))
        return (RebalanceTask(state: state, hashedBy: witness), registers)
    }

    @Test("What one move of a task costs does not grow with how many there are")
    func moves() throws {
        let world = try #require(SliceWorld(slices: RebalanceCostTests.slices))
        let witness = CountingWitness()
        let made = try make(world, witness)
        var task = made.task
        var open: [RebalanceTask.Event] = [.start(registers: made.registers, at: .zero)]
        var running: [HandoffOrder] = []
        var ended: RebalanceStatus?
        while !open.isEmpty || !running.isEmpty {
            if open.isEmpty {
                let order = running.removeFirst()
                let signed = try #require(world.handOn(order.register, to: order.to))
                open = [.progress(order.id, bytes: 5, hindrance: nil), .register(world.after(signed))]
            }
            for effect in task.step(open.removeFirst()) {
                switch effect {
                case .record(let record): open.append(.recorded(record))
                case .order(let order): running.append(order)
                case .ended(let status): ended = status
                case .cancel, .pause, .throttle, .refuse: break
                }
            }
        }
        #expect(ended?.done == Int(RebalanceCostTests.slices))
        #expect(witness.count <= 10 * Int(RebalanceCostTests.slices), "\(witness.count) hashes")
    }

    @Test("A report of a handoff of another task costs nothing")
    func strangers() throws {
        let world = try #require(SliceWorld(slices: RebalanceCostTests.slices))
        let witness = CountingWitness()
        let made = try make(world, witness)
        var task = made.task
        var open: [RebalanceTask.Event] = [.start(registers: made.registers, at: .zero)]
        while !open.isEmpty {
            for case .record(let record) in task.step(open.removeFirst()) { open.append(.recorded(record)) }
        }
        #expect(task.tally.inFlight == 8)
        let before = witness.count
        for number in 0..<100 as Range<UInt8> {
            let id = HandoffID(TestWitness.digest([number]))
            #expect(task.source(of: id) == nil)
            _ = task.step(.progress(id, bytes: 1, hindrance: nil))
        }
        #expect(witness.count == before)
    }
}
