import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Envoy

/// What `status` says of what the agent noted.
@Suite struct StatusTextTests {
    @Test("of the bolts that are asked the first eight are named, and how many more there are")
    func bolts() {
        #expect(StatusText.bolts(["a:1"], of: 1) == "a:1")
        let all = (1...11).map { "b:\($0)" }
        #expect(StatusText.bolts(Array(all.prefix(8)), of: 8) == "b:1, b:2, b:3, b:4, b:5, b:6, b:7, b:8")
        #expect(StatusText.bolts(all, of: 11) == "b:1, b:2, b:3, b:4, b:5, b:6, b:7, b:8 and 3 more")
        #expect(StatusText.bolts(["a:1"], of: 3) == "a:1 and 2 more", "not all of them were noted")
    }

    private func version(_ seconds: UInt64?, _ expiry: PolicyExpiryWord?, since: UInt64?) -> PolicyHistory.Version {
        PolicyHistory.Version(
            revision: "r", partition: PartitionName(checked: "north"), epoch: 1, sequence: 2,
            made: WallTime(milliseconds: 0), leaf: .zero, standing: "noted", maxAgeSeconds: seconds, expiry: expiry,
            since: since.map { WallTime(milliseconds: $0) })
    }

    @Test("when a policy is too old is said as it was set, with what is done then")
    func terms() {
        for (seconds, text) in [
            (1_728_000, "20 d"), (129_600, "36 h"), (5_400, "90 min"), (61, "61 s"), (0, "0 s"),
        ] as [(UInt64, String)] {
            #expect(StatusText.terms(of: version(seconds, .stop, since: 0)) == "after \(text), then stop")
        }
        #expect(StatusText.terms(of: version(nil, .enforceLast, since: 0)) == "never")
        #expect(StatusText.terms(of: version(nil, nil, since: nil)) == nil, "an earlier build noted it")
    }

    /// It stood as it was noted until the next round, and for ever where no agent ran.
    @Test("the age of a policy goes on after it was noted; without its terms it is what was noted")
    func standing() {
        let noted = version(4, .enforceSafe, since: 1_000)
        let words = [1_000, 4_000, 4_001, 5_000, 5_001].map { noted.standing(now: WallTime(milliseconds: $0)) }
        #expect(words == ["fresh", "fresh", "aging", "aging", "expired (enforce-safe)"])
        #expect(version(nil, .stop, since: 0).standing(now: WallTime(milliseconds: .max)) == "fresh")
        #expect(version(4, nil, since: nil).standing(now: WallTime(milliseconds: .max)) == "noted")
    }

    @Test("how long to wait is left out of what to do where the agent itself tries again; all else stays")
    func next() {
        func next(_ text: String, isTriedAgain: Bool = true) -> String? {
            let failure = ReportHistory.Failure(
                at: WallTime(milliseconds: 0), address: "a:1", kind: .unavailable, code: "no_primary", reason: "why",
                next: text, inARow: 1)
            return StatusText.next(of: failure, isTriedAgain: isTriedAgain)
        }
        let promote = "an operator sees who may be promoted: boltctl partition list"
        #expect(next("try again in 2 s; \(promote)") == promote)
        #expect(next("try again in 2 s; \(promote)", isTriedAgain: false) == "try again in 2 s; \(promote)")
        #expect(next("keep the results and try again in 30 s") == "keep the results")
        #expect(next("try again in a moment") == nil)
        #expect(next("start c.west and try again; see its log") == "start c.west and try again; see its log")
    }
}
