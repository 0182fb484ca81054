import CRDT
import Spanner
import Testing

@testable import Bolt

/// How much of a queue may be released (P1).
struct ReleaseLedgerTests {
    private struct Generator {
        var state: UInt64
        mutating func below(_ bound: UInt64) -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return (word ^ (word >> 31)) % bound
        }
    }

    private func queue(_ number: Int) -> QueueID {
        QueueID(bytes: [UInt8](repeating: UInt8(number), count: 16)) ?? QueueID(PrincipalID(high: 0, low: 0))
    }

    private func epoch(_ number: UInt64) -> PartitionEpoch {
        PartitionEpoch(number: number, minter: ReplicaID(key: .zero, incarnation: 1))
    }

    /// A hand-over whose heir died made the answers of the same epoch say that nothing may be released.
    @Test func `P5: a reign that goes on after a hand-over that was not taken takes nothing back`() {
        var ledger = ReleaseLedger()
        ledger.begin(epoch(1), at: 4)
        ledger.note(queue(1), at: 5, through: 7, before: 0, safe: 4)
        ledger.settle(5)
        ledger.note(queue(1), at: 6, through: 9, before: 7, safe: 5)
        #expect(ledger.released(queue(1), stored: 9, safe: 5) == 7)
        ledger.begin(epoch(1), at: 6)
        #expect(ledger.released(queue(1), stored: 9, safe: 5) == 7)
        #expect(ledger.released(queue(2), stored: 3, safe: 5) == 3)
        // Another epoch, or the same after somebody else's, is another reign.
        ledger.end()
        ledger.begin(epoch(1), at: 6)
        #expect(ledger.released(queue(1), stored: 9, safe: 5) == 0)
        #expect(ledger.released(queue(1), stored: 9, safe: 6) == 9)
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `P1: what is released was stored by a record that is safe, and in the end all of it is`(_ seed: UInt64) {
        var generator = Generator(state: seed)
        var ledger = ReleaseLedger(countMax: seed.isMultiple(of: 3) ? 4 : 1000)
        let start = generator.below(20)
        var (tip, safe) = (start, generator.below(start + 1))
        // Before the reign some queues were stored, by records up to its start that may not be safe.
        var stored = (0..<4).map { _ in generator.below(5) }
        var history: [[(position: UInt64, through: UInt64)]] = stored.map { [(start, $0)] }
        ledger.begin(epoch(1), at: start)
        func isSafelyStored(_ queue: Int) -> UInt64 {
            history[queue].last { $0.position <= safe }?.through ?? 0
        }
        for _ in 0..<200 {
            switch generator.below(3) {
            case 0:
                let number = Int(generator.below(4))
                tip += generator.below(2)
                tip = max(tip, start + 1)
                let added = generator.below(3)
                let before = stored[number]
                stored[number] += added
                history[number].append((tip, stored[number]))
                ledger.note(queue(number), at: tip, through: stored[number], before: before, safe: safe)
            case 1:
                safe = min(tip, safe + generator.below(4))
                ledger.settle(safe)
            default: break
            }
            for number in 0..<4 {
                let released = ledger.released(queue(number), stored: stored[number], safe: safe)
                #expect(released <= isSafelyStored(number), "queue \(number), seed \(seed)")
            }
        }
        safe = tip
        ledger.settle(safe)
        for number in 0..<4 {
            #expect(
                ledger.released(queue(number), stored: stored[number], safe: safe) == stored[number], "seed \(seed)")
        }
        #expect(ledger.count == 0)
    }
}
