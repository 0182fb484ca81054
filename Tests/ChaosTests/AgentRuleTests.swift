import ChaosKit
import Testing

/// Whole agents: each verdict against the smallest history that deserves it, and against one beside it that does not.
@Suite struct AgentRuleTests {
    private static func answer(
        _ life: Int, stored: UInt64, released: UInt64, paired: Bool = true, epoch: UInt64 = 1
    ) -> AgentAnswer {
        AgentAnswer(
            life: life,
            Answer(
                storedThrough: stored, releaseThrough: released, isPaired: paired,
                mark: Mark(register: 1, epoch: epoch), partition: "north"))
    }

    private static func queue(_ through: UInt64) -> QueueEnd {
        QueueEnd(
            envoy: "s", queue: "sq", storedThrough: through,
            rows: (0..<through).map { QueueEnd.Row($0 + 1, 100 + $0, at: 1000 + $0) })
    }

    /// An agent that made four results in two lives of its process, and two disks that hold them.
    private static var clean: MeshHistory {
        var history = Histories.clean
        history.agents = [
            AgentHistory(
                name: "sim-1", envoy: "s", queue: "sq", made: 4, releasedThrough: 4,
                told: [answer(1, stored: 2, released: 2), answer(2, stored: 4, released: 4)])
        ]
        for member in 0...1 { history.partitions[0].members[member].queues.append(queue(4)) }
        return history
    }

    private func kinds(_ change: (inout MeshHistory) -> Void) -> Set<Violation.Kind> {
        var history = Self.clean
        change(&history)
        return Set(HistoryChecker.check(history).map(\.kind))
    }

    /// Changes what one disk holds of the agent.
    private func stored(_ member: Int = 0, _ change: (inout QueueEnd) -> Void) -> Set<Violation.Kind> {
        kinds { change(&$0.partitions[0].members[member].queues[1]) }
    }

    @Test("a clean history breaks nothing; without agents nothing is asked of them")
    func clean() {
        #expect(HistoryChecker.check(Self.clean) == [])
        #expect(kinds { $0.agents = [] }.isEmpty)
    }

    @Test(
        "P1: what it deleted, or was told to be safe, is on every disk that holds all that is safe; a base hides none")
    func lost() {
        for member in 0...1 { #expect(stored(member) { $0 = Self.queue(3) } == [.lost]) }
        #expect(kinds { for member in 0...1 { $0.partitions[0].members[member].queues.removeLast() } } == [.lost])
        let based = stored {
            $0.rows.removeFirst()
            $0.bases = [1...1]
        }
        #expect(based == [.lost])
        // A disk that is behind is told by itself.
        let behind = kinds { history in
            history.partitions[0].members[1].queues[1] = Self.queue(3)
            (history.partitions[0].members[1].safe, history.partitions[0].members[1].tip) = (8, Histories.place(8))
        }
        #expect(behind == [.behind])
    }

    @Test("P1: released by a life that died before it wrote the answer down is safe all the same")
    func unwritten() {
        let kinds = { (released: UInt64) in
            self.kinds { history in
                history.agents[0].releasedThrough = released
                history.agents[0].told = [Self.answer(1, stored: 4, released: 0, paired: false)]
                for member in 0...1 { history.partitions[0].members[member].queues[1] = Self.queue(3) }
            }
        }
        #expect(kinds(4) == [.lost])
        #expect(kinds(3).isEmpty)
    }

    @Test("P5: a result twice under one number, or under two; a hole; more stored than counted, or than was made")
    func rows() {
        #expect(stored { $0.rows.insert($0.rows[0], at: 1) } == [.duplicated])
        // The same result, sent again under the next number.
        let again = stored { $0.rows[2] = QueueEnd.Row(3, $0.rows[1].body, at: $0.rows[1].at) }
        #expect(again == [.duplicated])
        #expect(stored { $0.rows.remove(at: 1) } == [.gap, .lost])
        #expect(stored { $0.storedThrough = 5 } == [.gap])
        let invented = stored {
            $0.rows.append(QueueEnd.Row(5, 200, at: 2000))
            $0.storedThrough = 5
        }
        #expect(invented == [.invented])
    }

    @Test("P5: results stand in the order in which they were made; those that do not say when are not judged")
    func order() {
        #expect(stored { $0.rows[2].at = 1 } == [.disordered])
        #expect(stored { $0.rows[2].at = nil }.isEmpty)
        #expect(stored { $0.rows[2].at = $0.rows[1].at }.isEmpty)
    }

    @Test("P5: a queue that goes on under another name, though its disk was never lost")
    func startedOver() {
        let kinds = kinds { history in
            for member in 0...1 {
                var other = Self.queue(1)
                (other.queue, other.rows[0].body) = ("sr", 900)
                history.partitions[0].members[member].queues.append(other)
            }
        }
        #expect(kinds == [.startedOver])
    }

    @Test("P5: answers do not go back within one epoch, nor tell of more than was made")
    func answers() {
        let told = { (answers: [AgentAnswer]) in self.kinds { $0.agents[0].told = answers } }
        #expect(
            told([Self.answer(1, stored: 4, released: 4), Self.answer(2, stored: 3, released: 3)])
                == [.wentBack, .undelivered])
        #expect(told([Self.answer(1, stored: 5, released: 4)]) == [.acknowledgedTooMuch, .lost])
        #expect(
            told([Self.answer(1, stored: 3, released: 4), Self.answer(2, stored: 4, released: 4)])
                == [.acknowledgedTooMuch])
    }

    @Test("P7: one agent, one partition")
    func owners() {
        let kinds = kinds { history in
            var other = history.partitions[0]
            other.name = "south"
            for member in 0...1 { other.members[member].queues.removeFirst() }
            history.partitions.append(other)
        }
        #expect(kinds == [.twoOwners])
    }

    @Test("convergence: at the end its owner told it of all; what a sibling keeps is not there yet")
    func undelivered() {
        #expect(kinds { $0.agents[0].told = [] } == [.undelivered])
        #expect(kinds { $0.agents[0].told.removeLast() } == [.undelivered])
        #expect(
            kinds { $0.agents[0].told[1] = Self.answer(2, stored: 4, released: 0, paired: false, epoch: 0) }
                == [.undelivered])
        #expect(
            kinds { $0.agents[0].told.insert(Self.answer(1, stored: 1, released: 0, paired: false, epoch: 0), at: 1) }
                .isEmpty)
    }
}
