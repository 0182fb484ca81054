import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Bolt

/// Answers about machines and secrets that are not there, or soon are not: what an operator is told.
@Suite struct WhoIsMeantTests {
    private func explained(_ standing: StandingWord, _ kinds: [String]) throws -> ExplainResponse {
        let replica = ReplicaID(key: try #require(Bytes32(bytes: [UInt8](repeating: 1, count: 32))), incarnation: 1)
        let facts = kinds.enumerated().map { index, kind in
            RosterFactView(
                dot: Dot(replica, UInt64(index + 1)), at: WallTime(milliseconds: UInt64(index) * 60_000),
                author: "ada", kind: kind, text: "\(kind): stolen", inForce: true)
        }
        return ExplainResponse(
            subject: "web-7", standing: standing, facts: facts, ownership: [],
            freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1))
    }

    /// `envoy show` of a banned machine said that there is none, so that a ban seemed to have wiped it out.
    @Test func aBannedMachineIsSaidToBeBannedSinceWhenAndByWhom() throws {
        let problem = NodeViews.noEnvoy("web-7", try explained(.banned, ["admitted", "banned"]))
        #expect(problem.code == .notFound)
        #expect(problem.detail.hasPrefix("web-7 is banned since 1970-01-01T00:01:00Z by ada"), "\(problem.detail)")
        #expect(problem.next.contains("boltctl envoy explain web-7"))
        let removed = NodeViews.noEnvoy("web-7", try explained(.removed, ["admitted", "removed"]))
        #expect(removed.detail.hasPrefix("web-7 is removed since 1970-01-01T00:01:00Z by ada"), "\(removed.detail)")
    }

    @Test func whoWasNeverThereIsNotFoundWithoutMore() throws {
        let unknown = [nil, try explained(.unknown, []), try explained(.active, ["admitted", "banned"])]
        for explained in unknown {
            let problem = NodeViews.noEnvoy("web-7", explained)
            #expect(problem.code == .notFound && problem.detail == "no envoy in force goes by web-7")
        }
        let long = String(repeating: "x", count: 1000)
        #expect(NodeViews.noEnvoy(long, nil).detail.count < 120)
    }

    /// S: `secret remove` names how many machines are held up, and the first of them.
    @Test func whoNeedsASecretIsCountedAndNamed() {
        let one = SecretNeed(revision: "r7", envoys: 1, some: ["web-1"])
        #expect(
            one.words("db/x", dryRun: true)
                == "the stack in force, r7, needs it for 1 machine, which would be held up at what it has until db/x "
                + "is put again: web-1")
        let many = SecretNeed(revision: "r7", envoys: 9, some: ["a", "b"])
        #expect(many.words("db/x", dryRun: false).contains("9 machines, which are held up"))
        #expect(many.words("db/x", dryRun: false).hasSuffix("a, b and 7 more"))
        let none = SecretNeed(revision: "r7", envoys: 0, some: [])
        #expect(none.words("db/x", dryRun: true).contains("no machine of now needs it"))
    }
}
