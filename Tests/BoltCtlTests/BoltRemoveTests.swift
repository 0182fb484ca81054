import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// `boltctl bolt remove`: who is asked, what is said, and what can be asked again.
@Suite struct BoltRemoveTests {
    fileprivate func response(_ bolts: [String], primary: String?, inSync: Int = 2) throws -> PartitionResponse {
        PartitionResponse(
            partition: try Views.partition("south", bolts, primary: primary, inSync: inSync),
            addresses: bolts.map { "\($0):1" },
            freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1))
    }

    /// The removal of b.south stood in the audit log of north, because a bolt of north answered.
    @Test("S9: the act goes to the removed bolt's own partition, its primary first")
    func theActStandsWhereItBelongs() throws {
        let south = try response(["a.south", "b.south", "c.south"], primary: "c.south")
        #expect(
            BoltRemove.carriers(of: south, without: "b.south", orElse: ["a.north:1", "b.south:1"])
                == ["c.south:1", "a.south:1", "a.north:1"])
        let lone = try response(["b.south"], primary: nil)
        #expect(BoltRemove.carriers(of: lone, without: "b.south", orElse: ["a.north:1"]) == ["a.north:1"])
    }

    /// It said "ask again with --operation", which the command did not take.
    @Test func whatIsSaidOfAnOpenRemovalCanBeTyped() throws {
        let operation = OperationID(PrincipalID(high: 1, low: 2))
        let failure = MemberRemoval.stillOpen(
            operation, "b.north", try #require(PartitionName("north")), seconds: 20)
        #expect(failure.code == "still_open" && failure.status == .running && failure.changed)
        let next = try #require(failure.next)
        let command = try #require(next.range(of: "boltctl bolt remove").map { next[$0.lowerBound...] })
        let words = command.split(separator: " ").dropFirst().map(String.init)
        let parsed = try #require(try BoltCtl.parseAsRoot(words) as? BoltRemove)
        #expect(parsed.name == "b.north")
        #expect(try parsed.waiting.id() == operation)
    }

    @Test func itSaysWhatThePartitionHasLeft() throws {
        let alone = try response(["a.south"], primary: "a.south", inSync: 1).partition
        #expect(RedundancyText.left(alone) == "south has a.south left: 1 disk in sync, of which 0 more disks may fail")
        #expect(RedundancyText.next(alone.name, alone).contains("left without a standby"))
        #expect(RedundancyText.next(alone.name, alone).contains("boltctl bolt invite"))
        let late = try response(["a.south", "c.south"], primary: "a.south", inSync: 1).partition
        #expect(RedundancyText.next(late.name, late).contains("boltctl partition show south"))
        let dark = try response(["a.south", "c.south"], primary: nil, inSync: 0).partition
        #expect(RedundancyText.next(dark.name, dark).contains("boltctl partition promote south --check"))
    }

    @Test func scriptsGetTheChangeAndThePartitionInOneObject() throws {
        let change = ChangeResponse(dot: nil, level: .spread(2), spread: ["a.south"], dryRun: false, effects: ["gone"])
        let left = try response(["a.south"], primary: "a.south", inSync: 1).partition
        let json = String(
            decoding: try APIJSON.encode(BoltRemove.Answer(change: change, partition: left)), as: UTF8.self)
        for words in ["\"level\":\"spread(2)\"", "\"effects\":[\"gone\"]", "\"partition\":{", "\"in_sync\":1"] {
            #expect(json.contains(words), "\(words) in \(json)")
        }
    }
}

extension BoltRemoveTests {
    /// A dry run said nothing of what the removal then ended with 5 for.
    @Test func aDryRunSaysWhatWouldBeLeft() throws {
        let pair = try response(["a.south", "b.south"], primary: "b.south").partition
        let text = try #require(RedundancyText.outlook(pair, "a.south"))
        #expect(text.contains("left without a standby") && text.contains("b.south") && text.contains("5"))
        let three = try response(["a.south", "b.south", "c.south"], primary: "b.south").partition
        #expect(RedundancyText.outlook(three, "a.south") == "south would have b.south, c.south left")
        #expect(RedundancyText.outlook(pair, "x.south") == nil)
    }
}
