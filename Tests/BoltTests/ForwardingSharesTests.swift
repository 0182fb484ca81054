import BoltAPI
import Spanner
import Testing

@testable import Bolt

/// One that does not answer takes nothing from the others.
@Suite struct ForwardingSharesTests {
    @Test("A bolt that does not answer fills its own share of what is on its way, and nobody else's")
    func shares() {
        let shares = ForwardingShares(countMax: 10, perBoltMax: 4)
        for _ in 0..<4 { #expect(shares.enter("dead")) }
        #expect(!shares.enter("dead"))
        for _ in 0..<4 { #expect(shares.enter("alive")) }
        shares.leave("alive")
        #expect(shares.enter("alive") && !shares.enter("alive"))
        #expect(shares.enter("third") && shares.enter("third") && !shares.enter("third"), "there is an end to all")
        for _ in 0..<4 { shares.leave("dead") }
        #expect(shares.enter("third") && shares.enter("dead"))
    }

    @Test("A partition without a link is tried by one request a second, once links had time to be made")
    func silence() throws {
        let begun = ContinuousClock.now
        let (north, south) = (try #require(PartitionName("north")), try #require(PartitionName("south")))
        let silence = SilentPartitions(begun: begun)
        #expect(!silence.passesOver(north, at: begun + .seconds(1)))
        let later = begun + SilentPartitions.grace
        #expect(!silence.passesOver(north, at: later), "the first looks")
        for _ in 0..<1000 { #expect(silence.passesOver(north, at: later + .milliseconds(500))) }
        #expect(!silence.passesOver(south, at: later + .milliseconds(500)))
        #expect(!silence.passesOver(north, at: later + SilentPartitions.interval))
        #expect(silence.passesOver(north, at: later + SilentPartitions.interval))
    }

    @Test("When a check-in was kept is taken from another bolt within bounds: not to come, not long ago")
    func keptAt() {
        let now = WallTime(milliseconds: CustodyService.ageMaxMilliseconds * 3)
        let oldest = now.milliseconds - CustodyService.ageMaxMilliseconds
        for (said, meant) in [
            (now.milliseconds + 1, now.milliseconds), (now.milliseconds - 9, now.milliseconds - 9), (0, oldest),
            (UInt64.max, now.milliseconds),
        ] {
            #expect(BoltEndpoints.keptAt(said, now: now).milliseconds == meant)
        }
        #expect(BoltEndpoints.keptAt(5, now: WallTime(milliseconds: 7)).milliseconds == 5)
    }
}
