/// Draws one action after the other.
struct Choices {
    let partitions: [Int]
    let writers: Int
    let tools: NemesisTools
    private var banned = 0
    private var hasSlept = false
    private var start: Int?
    /// What comes up before anything does again, by number.
    private var deck: [Int] = []
    /// The partition whose primary changes next, because a bolt of it is armed.
    private var armed: Int?

    init(partitions: [Int], writers: Int, tools: NemesisTools) {
        (self.partitions, self.writers, self.tools) = (partitions, writers, tools)
    }

    /// The next one; nil where this machine can do nothing of the scenario's.
    ///
    /// `turn` counts what was drawn before; `left` is how many seconds of trouble are to come.
    mutating func next(
        _ scenario: NemesisPlan.Scenario, _ numbers: inout SeededNumbers, turn: Int, left: Double
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
        case .etcd:
            guard tools.canLease, let partition = replicated(&numbers) else { return nil }
            return lease(partition, &numbers, turn: turn, left: left)
        case .rot:
            guard let partition = replicated(&numbers) else { return nil }
            let target = (turn + first(&numbers)) % 2 == 0 ? NemesisTarget.primary(partition) : .standby(partition)
            return .rot(target, isRunning: turn % 4 > 1)
        case .empty:
            guard let partition = replicated(&numbers) else { return nil }
            return .emptyDisk(partition, isWhole: (turn + first(&numbers)) % 2 == 0)
        case .rebalance: return rebalance(partition, &numbers, turn: turn)
        case .results: return results(partition, isReplicated, &numbers, turn: turn)
        }
    }

    /// A move, then two deaths among those who have a part in it, then whatever an operator may do to it.
    private func rebalance(
        _ partition: Int, _ numbers: inout SeededNumbers, turn: Int
    ) -> NemesisAction? {
        guard partitions.count > 1 else { return nil }
        switch turn % 4 {
        case 0: return .move(partition, weight: numbers.pick([0, 25, 50, 200, 400]))
        case 1, 2:
            if tools.hasFaultPoints, numbers.below(3) == 0 {
                return .killAt(
                    .primary(partition), point: numbers.pick(NemesisPlan.writePoints), count: 1 + numbers.below(8))
            }
            return .kill(.primary(partition), down: numbers.seconds(0.05...2))
        case _:
            switch numbers.below(3) {
            case 0: return .putBack
            case 1: return .holdMoves(seconds: numbers.seconds(0.5...3))
            case _: return .kill(target(partition, &numbers), down: numbers.seconds(0.05...2))
            }
        }
    }

    /// A move, then the agents die, then a primary is replaced, then a bolt dies: each of them before any comes again.
    private func results(
        _ partition: Int, _ isReplicated: Bool, _ numbers: inout SeededNumbers, turn: Int
    ) -> NemesisAction {
        switch turn % 5 {
        case 0 where partitions.count > 1: .move(partition, weight: numbers.pick([25, 50, 200, 400]))
        case 2 where isReplicated: numbers.below(3) == 0 ? .switchOver(partition) : .failOver(partition)
        case 3:
            numbers.below(4) == 0
                ? .cutPower(down: numbers.seconds(0.05...2))
                : .kill(target(partition, &numbers), down: numbers.seconds(0.05...4))
        case 4 where partitions.count > 1 && numbers.below(3) == 0: .putBack
        case _: .killAgents(down: numbers.seconds(0.05...2))
        }
    }

    /// A partition that has a standby; nil where none has.
    private func replicated(_ numbers: inout SeededNumbers) -> Int? {
        let all = partitions.indices.filter { partitions[$0] > 1 }
        return all.isEmpty ? nil : numbers.pick(all)
    }

    /// Where a round begins: drawn once.
    private mutating func first(_ numbers: inout SeededNumbers) -> Int {
        let start = start ?? numbers.below(2)
        self.start = start
        return start
    }

    /// Each kind of trouble comes up once before one comes up again; the long sleep first, while there is time for it.
    private mutating func lease(
        _ partition: Int, _ numbers: inout SeededNumbers, turn: Int, left: Double
    ) -> NemesisAction {
        if !hasSlept {
            hasSlept = true
            return .takeOverPaused(partition, seconds: left > 40 ? 30 : max(6, left / 4))
        }
        if deck.isEmpty { deck = Array(0..<7).shuffled(using: &numbers) }
        switch deck.removeLast() {
        case 0: return .takeOver(partition, down: numbers.seconds(0.5...6))
        case 1: return .takeOverPaused(partition, seconds: numbers.seconds(4...10))
        case 2: return .killWithoutEngine(partition, seconds: numbers.seconds(5...8))
        case let trouble:
            return .loseEngine(EngineTrouble.allCases[trouble - 3], seconds: numbers.seconds(6...9))
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
