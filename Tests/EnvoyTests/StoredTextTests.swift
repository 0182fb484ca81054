import BoltAPI
import Foundation
import Spanner
import Testing

@testable import Envoy

/// What a machine's operator is told of where its results are.
@Suite struct StoredTextTests {
    private func answer(keptBy bolt: String?, level: BoltAPI.AckLevel) throws -> CheckInResponse {
        CheckInResponse(
            storedThrough: 3, releaseThrough: 0, level: level,
            owner: CheckInOwner(partition: try #require(PartitionName("south"))), nextIntervalSeconds: 60, bolts: [],
            register: 1, epoch: 1, contested: false, custody: bolt.map { CheckInCustody(keptBy: $0) })
    }

    @Test("P6: an owner that is away is never said to have taken the results")
    func custody() throws {
        let kept = try answer(keptBy: "c.west", level: .custody)
        #expect(
            StoredText.pass(kept)
                == "kept by c.west for south, which is away, through 3; it stays in the queue")
        let stored = try answer(keptBy: nil, level: .local)
        #expect(StoredText.pass(stored).hasPrefix("checked in with south: stored through 3 (local), nothing more"))
        let last = ReportHistory.Stored(
            at: WallTime(milliseconds: 0), address: "h:1", partition: kept.owner.partition, storedThrough: 3,
            releaseThrough: 0, level: .custody, keptBy: "c.west")
        #expect(
            StoredText.last(last, ago: "0 s")
                == "0 s ago, kept by c.west for south, which is away, through 3; it stays in the queue")
        let json = try APIJSON.encode(last)
        #expect(String(decoding: json, as: UTF8.self).contains("\"kept_by\":\"c.west\""))
    }

    @Test("a single round says that policy is withheld, and why: it said nothing, as if all were well")
    func withheld() {
        let why = "its policy is withheld, and nothing was changed: secret db/password is missing"
        #expect(PassText.note(CheckInPolicy(state: .withheld, sequence: 17, reason: why)) == "note: \(why)")
        #expect(PassText.note(CheckInPolicy(state: .current, sequence: 17)) == nil && PassText.note(nil) == nil)
    }

    @Test("a fleet whose machines are all enrolled needs no token")
    func fleet() throws {
        let root = NSTemporaryDirectory() + "bolt-fleet-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let plan = FleetSimulator.Plan(
            directory: root, token: nil, addresses: [], count: 2, prefix: "sim", concurrency: 1, passes: 1,
            journal: nil)
        #expect(plan.needsToken)
    }
}
