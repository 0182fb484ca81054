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
        var time = 2.0
        while time < seconds {
            guard let action = choices.next(scenario, &numbers, left: seconds - time) else { break }
            steps.append(Step(at: time, action: action))
            time += NemesisPlan.duration(of: action)
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
        case .failOver, .killAt, .failFlush: 2
        case .setClock, .switchOver, .ban, .arm: 0
        }
    }
}

/// Draws one action after the other.
private struct Choices {
    let partitions: [Int]
    let writers: Int
    let tools: NemesisTools
    private var banned = 0
    private var hasSlept = false
    /// The partition whose primary changes next, because a bolt of it is armed.
    private var armed: Int?

    init(partitions: [Int], writers: Int, tools: NemesisTools) {
        (self.partitions, self.writers, self.tools) = (partitions, writers, tools)
    }

    /// The next one; nil where this machine can do nothing of the scenario's.
    mutating func next(
        _ scenario: NemesisPlan.Scenario, _ numbers: inout SeededNumbers, left: Double
    ) -> NemesisAction? {
        // A few bans on the way: they have to hold whatever happens.
        if armed == nil, scenario != .clock, banned < writers / 16, numbers.below(6) == 0 {
            banned += 1
            return .ban(writers - banned)
        }
        let partition = numbers.below(max(1, partitions.count))
        let isReplicated = partitions.indices.contains(partition) && partitions[partition] > 1
        switch scenario {
        case .kill: return kill(partition, isReplicated, &numbers)
        case .pause: return pause(partition, isReplicated, &numbers, left: left)
        case .split:
            guard tools.canSplit else { return nil }
            if isReplicated, numbers.below(2) == 0 {
                return .failOverSplit(partition, seconds: numbers.seconds(4...10))
            }
            return .isolate(target(partition, &numbers), seconds: numbers.seconds(1...10))
        case .disk: return disk(partition, &numbers)
        case .clock:
            guard tools.canSetClock else { return nil }
            return numbers.below(3) == 0
                ? .kill(target(partition, &numbers), down: numbers.seconds(0.1...2))
                : .setClock(hours: numbers.pick([-2, -1, 0, 1, 24, 24 * 20]))
        case .switchover: return nil
        }
    }

    private func target(_ partition: Int, _ numbers: inout SeededNumbers) -> NemesisTarget {
        switch numbers.below(4) {
        case 0: .standby(partition)
        case 1: .bolt(numbers.below(max(1, partitions.reduce(0, +))))
        default: .primary(partition)
        }
    }

    private mutating func kill(
        _ partition: Int, _ isReplicated: Bool, _ numbers: inout SeededNumbers
    ) -> NemesisAction {
        if let armed {
            self.armed = nil
            return numbers.below(2) == 0 ? .switchOver(armed) : .failOver(armed)
        }
        if numbers.below(10) == 0 { return .cutPower(down: numbers.seconds(0.05...2)) }
        if isReplicated, numbers.below(5) < 2 {
            if tools.hasFaultPoints, numbers.below(2) == 0 {
                armed = partition
                let target = numbers.below(3) == 0 ? NemesisTarget.primary(partition) : .standby(partition)
                return .arm(target, point: numbers.pick(NemesisPlan.changePoints))
            }
            return numbers.below(3) == 0 ? .switchOver(partition) : .failOver(partition)
        }
        if tools.hasFaultPoints, numbers.below(2) == 0 {
            return .killAt(
                target(partition, &numbers), point: numbers.pick(NemesisPlan.writePoints), count: 1 + numbers.below(8))
        }
        return .kill(target(partition, &numbers), down: numbers.seconds(0.05...4))
    }

    private mutating func pause(
        _ partition: Int, _ isReplicated: Bool, _ numbers: inout SeededNumbers, left: Double
    ) -> NemesisAction {
        // Once for half a minute, as acceptance 2 asks, where there is time for it.
        if !hasSlept, left > 40 {
            hasSlept = true
            return isReplicated ? .failOverPaused(partition, seconds: 30) : .pause(.primary(partition), seconds: 30)
        }
        if isReplicated, numbers.below(3) == 0 { return .failOverPaused(partition, seconds: numbers.seconds(4...10)) }
        return .pause(target(partition, &numbers), seconds: numbers.seconds(0.1...6))
    }

    private func disk(_ partition: Int, _ numbers: inout SeededNumbers) -> NemesisAction? {
        guard tools.canMount || tools.canInject else { return nil }
        let fills = tools.canMount && (!tools.canInject || numbers.below(2) == 0)
        return fills
            ? .fillDisk(target(partition, &numbers), seconds: numbers.seconds(2...8))
            : .failFlush(target(partition, &numbers), nth: 1 + numbers.below(20))
    }
}
