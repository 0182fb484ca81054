import Spanner
import Testing

@testable import Vault

/// The pure machine that decides when keys are in memory.
@Suite("Vault: seal machine")
struct SealMachineTests {
    private static let id = KeyringID(PrincipalID(high: 1, low: 1))
    private static func stamp(_ revision: UInt64, lock: UInt64 = 1, id: KeyringID = id) -> KeyringStamp {
        KeyringStamp(id: id, lock: lock, revision: revision)
    }
    private let first = UnsealAttempt(1)

    private func unsealed(_ stamp: KeyringStamp = stamp(1)) -> SealMachine {
        var machine = SealMachine()
        _ = machine.step(.keyring(stamp))
        _ = machine.step(.unseal(first))
        _ = machine.step(.opened(first, stamp))
        #expect(machine.state == .unsealed(stamp))
        return machine
    }

    @Test("every bolt starts without keys, and becomes unsealed by a key that opens, in this order")
    func life() {
        var machine = SealMachine()
        #expect(machine.step(.unseal(first)) == [.refuse(first, .notInitialised)])
        #expect(machine.step(.keyring(Self.stamp(1))) == [.changed(.sealed(.started))])
        #expect(
            machine.step(.unseal(first)) == [.changed(.unsealing(first)), .open(first, Self.stamp(1))])
        #expect(machine.step(.unseal(UnsealAttempt(2))) == [.refuse(UnsealAttempt(2), .busy)])
        #expect(machine.step(.opened(first, Self.stamp(1))) == [.keep(first), .changed(.unsealed(Self.stamp(1)))])
        #expect(machine.step(.unseal(UnsealAttempt(3))) == [.refuse(UnsealAttempt(3), .unsealed)])
        #expect(machine.step(.seal) == [.dropKeys, .changed(.sealed(.asked))])
        #expect(machine.step(.seal) == [])
    }

    @Test("a key that does not open leaves it sealed for the same reason as before")
    func wrongKey() {
        var machine = unsealed()
        _ = machine.step(.seal)
        _ = machine.step(.unseal(UnsealAttempt(2)))
        #expect(machine.step(.notOpened(UnsealAttempt(2))) == [.changed(.sealed(.asked))])
        #expect(machine.step(.notOpened(UnsealAttempt(2))) == [])
    }

    @Test("sealed while a key is tried: what it opened is overwritten, not kept")
    func overtakenBySeal() {
        var machine = SealMachine()
        _ = machine.step(.keyring(Self.stamp(1)))
        _ = machine.step(.unseal(first))
        #expect(machine.step(.seal) == [.changed(.sealed(.asked))])
        #expect(machine.step(.opened(first, Self.stamp(1))) == [.discard(first), .refuse(first, .overtaken)])
        #expect(machine.state == .sealed(.asked))
    }

    @Test("a rotated keyring is opened by the root key that is held; an exchanged one seals")
    func exchanged() {
        var machine = unsealed()
        #expect(machine.step(.keyring(Self.stamp(2))) == [.reopen(Self.stamp(2))])
        #expect(machine.state == .unsealed(Self.stamp(1)), "old keys stay in force until the new ones are there")
        #expect(machine.step(.reopened(Self.stamp(2))) == [.changed(.unsealed(Self.stamp(2)))])
        let other = KeyringID(PrincipalID(high: 2, low: 2))
        for next in [Self.stamp(3, lock: 2), Self.stamp(3, id: other)] {
            var machine = machine
            #expect(machine.step(.keyring(next)) == [.dropKeys, .changed(.sealed(.keyringReplaced))])
        }
        var gone = machine
        #expect(gone.step(.keyring(nil)) == [.dropKeys, .changed(.uninitialised)])
        _ = machine.step(.keyring(Self.stamp(3)))
        #expect(machine.step(.notReopened) == [.dropKeys, .changed(.sealed(.keyringDamaged))])
    }

    @Test("a keyring that goes back with cut records is followed, and told")
    func wentBack() {
        var machine = unsealed(Self.stamp(5))
        let (from, to) = (Self.stamp(5), Self.stamp(4))
        #expect(machine.step(.keyring(to)) == [.wentBack(from: from, to: to), .reopen(to)])
    }

    @Test("a keyring exchanged while a key is tried: rotated is opened again, another is refused")
    func exchangedWhileTried() {
        var machine = SealMachine()
        _ = machine.step(.keyring(Self.stamp(1)))
        _ = machine.step(.unseal(first))
        var other = machine
        #expect(machine.step(.keyring(Self.stamp(2))) == [])
        #expect(
            machine.step(.opened(first, Self.stamp(1))) == [
                .keep(first), .changed(.unsealed(Self.stamp(1))), .reopen(Self.stamp(2)),
            ])
        _ = other.step(.keyring(Self.stamp(2, lock: 2)))
        #expect(
            other.step(.opened(first, Self.stamp(1))) == [
                .discard(first), .refuse(first, .overtaken), .changed(.sealed(.keyringReplaced)),
            ])
    }

    /// S1 as a law: whatever happens, in whatever order, keys are in memory exactly while the state says unsealed, and
    /// every attempt ends once.
    @Test("S1: keys are held exactly while unsealed, on any walk", arguments: (0..<40).map { UInt64($0) })
    func law(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var machine = SealMachine()
        var (holdsKeys, asides) = (false, Set<UnsealAttempt>())
        var (attempts, running): (UInt64, [(UnsealAttempt, KeyringStamp)]) = (0, [])
        var reopening: KeyringStamp?
        for _ in 0..<400 {
            let event: SealMachine.Event
            switch generator.below(8) {
            case 0: event = .seal
            case 1: event = .keyring(generator.below(6) == 0 ? nil : Self.stamp(1 + generator.below(4)))
            case 2: event = .keyring(Self.stamp(1 + generator.below(2), lock: 1 + generator.below(2)))
            case 3, 4:
                attempts += 1
                event = .unseal(UnsealAttempt(attempts))
            case 5, 6:
                guard let (attempt, stamp) = running.popLast() else { continue }
                let opens = generator.below(3) > 0
                if opens { asides.insert(attempt) }
                event = opens ? .opened(attempt, stamp) : .notOpened(attempt)
            default:
                guard let stamp = reopening else { continue }
                reopening = nil
                event = generator.below(4) > 0 ? .reopened(stamp) : .notReopened
            }
            for effect in machine.step(event) {
                switch effect {
                case .open(let attempt, let stamp): running.append((attempt, stamp))
                case .keep(let attempt):
                    #expect(asides.remove(attempt) != nil)
                    holdsKeys = true
                case .discard(let attempt): #expect(asides.remove(attempt) != nil)
                case .reopen(let stamp):
                    #expect(holdsKeys)
                    reopening = stamp
                case .dropKeys: holdsKeys = false
                case .refuse, .changed, .wentBack: break
                }
            }
            #expect(machine.state.isUnsealed == holdsKeys, "seed \(seed), after \(event)")
            #expect(asides.isEmpty, "seed \(seed): keys of an attempt that ended are neither kept nor overwritten")
        }
    }
}
