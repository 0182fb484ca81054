import CRDT
import Spanner

/// A task that an operator throttles, with sources whose primaries die, and a driver that does: the next primary of a
/// source takes no more than the operator allows as soon as the driver was heard from once.
public struct ThrottleHistory {
    private var task: RebalanceTask
    /// What the present primaries of the sources take.
    private var budgets: [PartitionName: HandoffBudget] = [:]
    private var now = Duration.zero
    private var report = SimReport(seed: 0)
    private let registers: [SliceRegister]
    private let mutation: HandoffMutation?

    private init?(_ mutation: HandoffMutation?) {
        let names = ["north", "south", "west"].map { PartitionName(checked: $0) }
        let witness = TestWitness()
        let genesis = SliceGenesis(
            apply: TestWitness.digest([7]), name: GroupName(checked: "fleet"), slices: 3,
            candidates: names.map { Placement.Candidate(partition: $0) }, hashedBy: witness)
        guard let genesis else { return nil }
        registers = (0..<genesis.slices).compactMap { genesis.register(of: $0, hashedBy: witness) }
        var moves: [RebalanceMove] = []
        for register in registers {
            guard let to = names.first(where: { $0 != register.owner }),
                let move = RebalanceMove(register: register, to: to, envoys: 1, bytes: 1)
            else { continue }
            moves.append(move)
        }
        guard let job = RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves)
        else { return nil }
        let state = RebalanceState(job: job, limits: HandoffBudget.Limits(slices: 2))
        task = RebalanceTask(state: state, hashedBy: witness, mutation: mutation)
        self.mutation = mutation
        for name in names { budgets[name] = HandoffBudget() }
    }

    /// The history as it should be.
    public static func run() -> SimReport { run(nil) }

    static func run(_ mutation: HandoffMutation?) -> SimReport {
        guard var history = ThrottleHistory(mutation) else {
            var report = SimReport(seed: 0)
            report.violations.append(SimViolation(guarantee: "limits", detail: "no task", milliseconds: 0))
            return report
        }
        history.play()
        return history.report
    }

    private mutating func play() {
        step(.start(registers: registers, at: now))
        tick()
        step(.command(.throttle(HandoffBudget.Limits(slices: 1, bytesPerSecond: 1000))))
        check("when the operator said so")
        for name in task.partitions {
            // Another primary of the source begins with what it finds: no limit.
            budgets[name] = HandoffBudget()
            tick()
            check("after a failover of \(name)")
        }
        // The driver's next primary has the journal, and sources that forgot.
        task = RebalanceTask(state: task.state, hashedBy: TestWitness(), mutation: mutation)
        for name in task.partitions { budgets[name] = HandoffBudget() }
        step(.start(registers: registers, at: now))
        check("after a failover of the driver")
    }

    private mutating func tick() {
        now += .seconds(1)
        step(.tick(now))
    }

    private mutating func step(_ event: RebalanceTask.Event) {
        for effect in task.step(event) {
            switch effect {
            case .record(let record): step(.recorded(record))
            case .throttle(let limits): for name in task.partitions { budgets[name]?.change(to: limits) }
            case .order, .cancel, .pause, .refuse, .ended: break
            }
        }
    }

    private mutating func check(_ moment: String) {
        for name in task.partitions where budgets[name]?.limits != task.state.limits {
            report.violations.append(
                SimViolation(
                    guarantee: "limits", detail: "\(name) takes more than its task allows \(moment)",
                    milliseconds: UInt64(now / .milliseconds(1))))
        }
    }
}
