import ChaosKit
import Foundation
import Testing

/// Each verdict against the smallest history that deserves it, and against one beside it that does not.
@Suite struct HistoryCheckerTests {
    @Test("a clean history breaks nothing, read back from its file too")
    func clean() throws {
        #expect(HistoryChecker.check(Histories.clean).isEmpty)
        let file = try JSONEncoder().encode(Histories.clean)
        #expect(try JSONDecoder().decode(MeshHistory.self, from: file) == Histories.clean)
    }

    // MARK: P1

    @Test("P1: a paired result that the final primary lacks is lost")
    func lost() {
        #expect(
            Histories.kinds {
                $0.partitions[0].members[0].queues[0] = Histories.queue(through: 3)
            } == [.lost])
    }

    @Test("P1: a result that an in-sync standby lacks is lost there")
    func lostAtStandby() {
        #expect(Histories.kinds { $0.partitions[0].members[1].queues = [] } == [.lost])
    }

    @Test("P1: a released result of a local answer counts as promised, an unreleased one may be lost")
    func localAnswers() {
        let kinds = { (released: UInt64) in
            Histories.kinds { history in
                history.writers[0].calls = [Histories.call(1, stored: 4, released: released, paired: false)]
                history.writers[0].releasedThrough = released
                history.writers[0].isBanned = true
                for member in 0...1 { history.partitions[0].members[member].queues[0] = Histories.queue(through: 3) }
            }
        }
        #expect(kinds(3).isEmpty)
        #expect(kinds(4) == [.lost])
    }

    @Test("P1: a base does not excuse a loss, and a queue that is nowhere is lost")
    func hidden() {
        let based = Histories.kinds { history in
            for member in 0...1 {
                history.partitions[0].members[member].queues[0].rows.removeFirst()
                history.partitions[0].members[member].queues[0].bases = [1...1]
            }
        }
        #expect(based == [.lost])
        #expect(
            Histories.kinds { history in for member in 0...1 { history.partitions[0].members[member].queues = [] } }
                == [.lost])
    }

    @Test("P1: a lower epoch that pairs after a higher one is a second primary; at the same time it is none")
    func twoPrimaries() {
        let kinds = { (begin: UInt64) in
            Histories.kinds { history in
                var other = Histories.writer
                (other.name, other.queue) = ("x", "r")
                other.calls = [Histories.call(1, stored: 4, released: 4, epoch: 2, bolt: "b.north")]
                history.writers.append(other)
                for member in 0...1 {
                    var queue = Histories.queue()
                    queue.queue = "r"
                    history.partitions[0].members[member].queues.append(queue)
                }
                history.writers[0].calls[0].begin = begin
                history.writers[0].calls[0].end = begin + 500
            }
        }
        #expect(kinds(1600) == [.twoPrimaries])
        #expect(kinds(1400).isEmpty)
    }

    // MARK: P4

    @Test("P4: journals that part below what both call safe have diverged")
    func diverged() {
        let kinds = { (safe: UInt64) in
            Histories.kinds { history in
                history.partitions[0].members[0].tip = Histories.place(9, hash: "x")
                for member in 0...1 {
                    history.partitions[0].members[member].begins = [
                        Histories.place(1),
                        Histories.place(5, epoch: 2, minter: member == 0 ? "a" : "b", hash: member == 0 ? "x" : "y"),
                    ]
                }
                history.partitions[0].members[1].safe = safe
            }
        }
        #expect(kinds(5) == [.diverged])
        #expect(kinds(4).isEmpty)
    }

    @Test("P4: journals with no epoch in common have diverged")
    func noCommonEpoch() {
        #expect(
            Histories.kinds {
                $0.partitions[0].members[1].begins = [Histories.place(1, epoch: 3, minter: "b", hash: "y")]
                $0.partitions[0].members[1].tip = Histories.place(9, epoch: 3, minter: "b", hash: "y")
            } == [.diverged])
    }

    @Test("P4: one epoch has one first record")
    func twoBegins() {
        let kinds = Histories.kinds { $0.partitions[0].members[1].begins = [Histories.place(1, hash: "other")] }
        #expect(kinds == [.twoBegins])
    }

    // MARK: P5, P6

    @Test("P5: a result twice, out of order, changed, invented, missing")
    func rows() {
        let change = { (change: @escaping (inout QueueEnd) -> Void) in
            Histories.kinds { change(&$0.partitions[0].members[0].queues[0]) }
        }
        #expect(change { $0.rows.insert($0.rows[0], at: 1) } == [.duplicated])
        #expect(change { $0.rows.swapAt(1, 2) } == [.duplicated])
        #expect(change { $0.rows[2].body = 99 } == [.altered])
        #expect(
            change {
                $0.rows.append(QueueEnd.Row(5, 15))
                $0.storedThrough = 5
            } == [.invented])
        #expect(change { $0.storedThrough = 3 } == [.gap])
        #expect(change { $0.rows.remove(at: 1) } == [.gap, .lost])
    }

    @Test("P5: more acknowledged than sent, more released than stored")
    func tooMuch() {
        #expect(
            Histories.kinds { history in
                history.writers[0].calls.insert(Histories.call(0, stored: 4, released: 0, sent: 1...3), at: 0)
            } == [.acknowledgedTooMuch])
        #expect(
            Histories.kinds { history in
                history.writers[0].calls.insert(Histories.call(0, stored: 1, released: 2, paired: false), at: 0)
            } == [.acknowledgedTooMuch])
    }

    @Test("P5: neither stored nor released goes back within one epoch")
    func wentBack() {
        let kinds = { (first: ClientCall, renewed: Bool) in
            Histories.kinds { history in
                history.writers[0].calls.insert(first, at: 0)
                history.writers[0].calls[1] = Histories.call(1, stored: 3, released: 2)
                history.writers[0].isBanned = true
                history.writers[0].releasedThrough = 2
                guard renewed else { return }
                for member in 0...1 {
                    history.partitions[0].members[member].begins.append(Histories.place(5, renewal: 1))
                    history.partitions[0].members[member].tip = Histories.place(9, renewal: 1)
                }
            }
        }
        #expect(kinds(Histories.call(0, stored: 4, released: 2, paired: false), false) == [.wentBack])
        #expect(kinds(Histories.call(0, stored: 4, released: 2, paired: false), true) == [.wentBack])
        #expect(kinds(Histories.call(0, stored: 3, released: 3, paired: false), false) == [.wentBack])
        #expect(kinds(Histories.call(0, stored: 3, released: 3, paired: false), true).isEmpty)
        #expect(kinds(Histories.call(0, stored: 3, released: 2, paired: false), false).isEmpty)
    }

    @Test("P1, P5: a new epoch may lack what was local, never what was released")
    func acrossEpochs() {
        let kinds = { (released: UInt64) in
            Histories.kinds { history in
                history.writers[0].calls = [
                    Histories.call(1, stored: 4, released: released, paired: false),
                    Histories.call(2, stored: 2, released: 2, epoch: 2),
                    Histories.call(3, stored: 4, released: 4, epoch: 2),
                ]
            }
        }
        #expect(kinds(2).isEmpty)
        #expect(kinds(3) == [.wentBack])
    }

    @Test("P5: the other side of a split may know less, and unknown outcomes may go either way")
    func otherSide() {
        let kinds = Histories.kinds { history in
            history.writers[0].calls.append(Histories.call(2, stored: 4, released: 4, epoch: 2))
            history.writers[0].calls.append(Histories.call(3, stored: 4, released: 0, paired: false))
            for outcome in [ClientCall.Outcome.unknown("cut"), .refused("no_primary")] {
                var call = Histories.call(4, stored: 0, released: 0)
                call.outcome = outcome
                history.writers[0].calls.append(call)
            }
        }
        // The primary of epoch 1 was started again while that of epoch 2 was away: it releases nothing.
        #expect(kinds.isEmpty)
        let late = Histories.kinds { history in
            history.writers[0].calls.append(Histories.call(2, stored: 4, released: 4, epoch: 2))
            history.writers[0].calls.append(Histories.call(3, stored: 4, released: 1, paired: false))
        }
        #expect(late == [.wentBack], "what it releases is what it released before")
    }

    @Test("P5: what siblings keep while the owner is away goes up and down; it releases nothing")
    func custody() {
        var history = Histories.clean
        history.writers[0].calls += [
            Histories.call(2, stored: 4, released: 0, paired: false, epoch: 0, bolt: "a.south"),
            Histories.call(3, stored: 2, released: 0, paired: false, epoch: 0, bolt: "a.east"),
        ]
        #expect(HistoryChecker.check(history) == [])
        history.writers[0].calls.append(
            Histories.call(4, stored: 4, released: 4, paired: false, epoch: 0, bolt: "a.east"))
        #expect(HistoryChecker.check(history).map(\.kind) == [.acknowledgedTooMuch])
    }

    @Test("P6: a writer deletes only what the present owner released; a lower mark releases nothing")
    func deleted() {
        let kinds = { (epoch: UInt64) in
            Histories.kinds { history in
                history.writers[0].calls = [
                    Histories.call(1, stored: 4, released: 2, paired: false, epoch: 2),
                    Histories.call(2, stored: 4, released: 4, paired: false, epoch: epoch),
                ]
            }
        }
        #expect(kinds(1) == [.deletedTooMuch])
        #expect(kinds(2).isEmpty)
    }

    // MARK: P7, R2, D3, convergence

    @Test("P7: one queue, one partition")
    func owners() {
        #expect(
            Histories.kinds { history in
                var other = history.partitions[0]
                other.name = "south"
                history.partitions.append(other)
            } == [.twoOwners])
    }

    @Test("R2: a bolt that acknowledged a ban serves that envoy no more; after convergence none does")
    func bans() {
        let kinds = { (end: UInt64, bolt: String) in
            Histories.kinds { $0.bans = [BanRecord(envoy: "e", bolt: bolt, end: end)] }
        }
        #expect(kinds(999, "a.north") == [.banIgnored])
        #expect(kinds(1000, "a.north").isEmpty)
        #expect(kinds(999, "b.north").isEmpty)
        let probe = { (accepted: Bool) in
            Histories.kinds { $0.probes = [BanProbe(envoy: "e", bolt: "b.north", isAccepted: accepted)] }
        }
        #expect(probe(true) == [.banIgnored])
        #expect(probe(false).isEmpty)
    }

    @Test("D3: a store that is not whole; convergence: no primary, a disk behind, results that wait")
    func ends() {
        #expect(Histories.kinds { $0.partitions[0].members[1].finding = "rot" } == [.damaged])
        #expect(Histories.kinds { $0.partitions[0].primary = nil } == [.noPrimary])
        #expect(
            Histories.kinds {
                $0.partitions[0].members[1].tip = Histories.place(8)
                $0.partitions[0].members[1].safe = 8
            } == [.behind])
        #expect(Histories.kinds { $0.writers[0].releasedThrough = 3 } == [.undelivered])
    }

    // MARK: P9, D4, emptied disks

    @Test("P9: no epoch begins while the lease engine is away; a lower one or the same may answer")
    func promotedAlone() {
        let kinds = { (epoch: UInt64, begin: UInt64) in
            Histories.kinds { history in
                history.writers[0].calls = [
                    Histories.call(1, stored: 4, released: 4),
                    Histories.call(begin, stored: 4, released: 4, epoch: epoch),
                ]
                history.absences = [EngineAbsence(partition: "north", from: 2000, to: 9000, isCalm: true)]
            }
        }
        #expect(kinds(2, 5) == [.promotedAlone])
        #expect(kinds(1, 5).isEmpty)
        // Asked before it was away, answered after it had come back.
        #expect(kinds(2, 9).isEmpty)
    }

    @Test("P9: a primary goes on without the lease engine, unless it was struck itself, or nobody reports to it")
    func stoppedWithEngine() {
        let kinds = { (isCalm: Bool, answered: [UInt64], partition: String) in
            Histories.kinds { history in
                history.writers[0].calls += answered.map { Histories.call($0, stored: 4, released: 4) }
                history.absences = [
                    EngineAbsence(partition: partition, from: 2000, to: 5_000_000_000, isCalm: isCalm)
                ]
            }
        }
        #expect(kinds(true, [], "north") == [.stoppedWithEngine])
        #expect(kinds(true, [3], "north") == [.stoppedWithEngine])
        #expect(kinds(true, [1_000_000, 4_200_000], "north").isEmpty)
        #expect(kinds(false, [], "north").isEmpty)
        #expect(kinds(true, [], "south").isEmpty)
    }

    @Test("D4: a bolt that goes on over rot; one that found it is in order")
    func rot() {
        #expect(
            Histories.kinds { $0.strikes = [RotStrike(bolt: "a.north", finding: "row 3", found: nil)] }
                == [.rotUnnoticed])
        #expect(
            Histories.kinds { $0.strikes = [RotStrike(bolt: "a.north", finding: "row 3", found: "fenced")] }.isEmpty)
    }

    @Test("P4: an emptied disk that counts in sync, or is promoted, under its old name")
    func emptied() {
        let kinds = { (isCounted: Bool, isPromoted: Bool) in
            Histories.kinds {
                $0.returns = [EmptyReturn(bolt: "b.north", isCounted: isCounted, isPromoted: isPromoted)]
            }
        }
        #expect(kinds(true, false) == [.forgetfulCounted])
        #expect(kinds(false, true) == [.forgetfulCounted])
        #expect(kinds(false, false).isEmpty)
    }
}
