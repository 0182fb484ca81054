import ArgumentParser
import BoltAPI
import Testing

@testable import boltctl

/// A drain is over when somebody else is primary, not when it was asked for.
@Suite struct BoltDrainChangeTests {
    private func answer(primary: String?) -> DrainBoltResponse {
        DrainBoltResponse(
            bolt: "a.north", isDrained: true, primary: primary, candidates: ["b.north"], envoys: 0, level: .local,
            dryRun: false, effects: [])
    }

    /// It ended with 0 while the bolt was still primary, and its machine was switched off.
    @Test func aBoltThatIsStillPrimaryIsNotDrainedYet() {
        #expect(BoltDrainChange.isPending(answer(primary: "a.north")))
        #expect(BoltDrainChange.isPending(answer(primary: nil)))
        #expect(!BoltDrainChange.isPending(answer(primary: "b.north")))
    }

    @Test func waitingIsBounded() throws {
        func drain(_ line: String) throws -> BoltDrain {
            try BoltDrain.parse(line.split(separator: " ").map(String.init))
        }
        let plain = try drain("a.north")
        #expect(plain.wait && plain.timeout == 60)
        let other = try drain("a.north --no-wait --timeout 5")
        #expect(!other.wait && other.timeout == 5)
    }
}
