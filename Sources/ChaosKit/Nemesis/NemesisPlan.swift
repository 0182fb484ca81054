/// What a scenario does, and when: all from a seed, so that a run's choices can be had again.
public struct NemesisPlan: Hashable, Sendable {
    /// Seconds from the beginning, ascending, each with what is done then. The next waits until the one before it has
    /// ended.
    public private(set) var steps: [Step] = []

    /// One action and its earliest time.
    public struct Step: Hashable, Sendable {
        /// Seconds from the beginning of the scenario.
        public var at: Double
        /// What is done.
        public var action: NemesisAction
    }

    /// The kinds of trouble.
    public enum Scenario: String, Sendable, CaseIterable {
        /// Processes are killed, at random and at named points; primaries are replaced.
        case kill
        /// Processes are stopped for a moment and for half a minute; primaries are replaced while they sleep.
        case pause
        /// Bolts are cut off from each other; primaries are replaced while they are.
        case split
        /// Disks are full, flushes fail.
        case disk
        /// Wall clocks jump.
        case clock
        /// Twenty planned changes of primary, one after the other, and nothing else.
        case switchover
        /// Leases in an etcd instead of operators: primaries die or stand still, and the etcd is away.
        case etcd
        /// Bits flip on disks.
        case rot
        /// Standbys come back with an emptied disk.
        case empty
        /// Slices move between partitions all the time; whoever has a part in that is killed.
        case rebalance
        /// Many whole agents report while their process and bolts are killed, primaries are replaced, slices move.
        case results
    }

    /// Fault points that every write of a bolt comes to.
    public static let writePoints = ["partition.persist.before", "partition.persist.after"]
    /// Fault points that a change of primary comes to, at the old one, the new one or another disk.
    public static let changePoints = [
        "partition.promise.after", "partition.begin.after", "partition.cut.after", "partition.configuration.after",
        "handover.after",
    ]
    /// Planned changes of primary in the scenario of that name: acceptance 3.
    public static let switchovers = 20

    /// A plan.
    ///
    /// `partitions` are the numbers of bolts of each; `writers` may be banned; `seconds` is how long there is trouble.
    public init(
        _ scenario: Scenario, seed: UInt64, partitions: [Int], writers: Int, seconds: Double, tools: NemesisTools
    ) {
        var numbers = SeededNumbers(seed ^ UInt64(scenario.rawValue.utf8.reduce(0) { $0 &* 31 &+ Int($1) }))
        if scenario == .switchover {
            let replicated = partitions.indices.filter { partitions[$0] > 1 }
            guard !replicated.isEmpty else { return }
            for turn in 0..<NemesisPlan.switchovers {
                steps.append(Step(at: 2 + Double(turn), action: .switchOver(replicated[turn % replicated.count])))
            }
            return
        }
        var choices = Choices(partitions: partitions, writers: writers, tools: tools)
        var turn = 0
        var time = 2.0
        while time < seconds {
            guard let action = choices.next(scenario, &numbers, turn: turn, left: seconds - time) else { break }
            steps.append(Step(at: time, action: action))
            time += NemesisPlan.duration(of: action)
            if case .ban = action {} else { turn += 1 }
            // What was armed is set off by what comes at once.
            if case .arm = action { continue }
            time += numbers.seconds(1...3)
        }
    }

    private static func duration(of action: NemesisAction) -> Double {
        switch action {
        case .kill(_, let down), .cutPower(let down): down
        case .pause(_, let seconds), .isolate(_, let seconds), .fillDisk(_, let seconds): seconds
        case .failOverPaused(_, let seconds), .failOverSplit(_, let seconds): seconds
        case .takeOver(_, let seconds), .takeOverPaused(_, let seconds): max(4, seconds)
        case .loseEngine(_, let seconds), .killWithoutEngine(_, let seconds): seconds + 3
        case .rot: 15
        case .emptyDisk: 12
        case .failOver, .killAt, .failFlush: 2
        case .holdMoves(let seconds), .killAgents(let seconds): seconds
        case .move, .putBack: 1
        case .setClock, .switchOver, .ban, .arm: 0
        }
    }
}
