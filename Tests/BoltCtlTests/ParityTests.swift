import ArgumentParser
import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// Scripts are told all that people are told.
@Suite struct ParityTests {
    private func json(_ value: any Encodable) throws -> String {
        func encoded(_ value: some Encodable) throws -> String {
            String(decoding: try APIJSON.encode(value), as: UTF8.self)
        }
        return try encoded(value)
    }

    @Test func aReportSaysWhatToExpectAndWhatMayBeLost() throws {
        let report = OperationResponse(
            operation: OperationID(PrincipalID(high: 1, low: 2)), partition: try #require(PartitionName("north")),
            bolt: "b.north", outcome: .report, point: Views.point(3, 1284), bound: "all after 1200")
        let text = try json(PartitionOperator.Answer(result: report, partition: nil, redundancyRestored: false))
        #expect(text.contains("\"expect\":\"\(Views.point(3, 1284).shortText)\""), "\(text)")
        #expect(text.contains("\"may_be_lost\":\"all after 1200\""), "\(text)")
        var done = report
        done.outcome = .done
        let other = try json(PartitionOperator.Answer(result: done, partition: nil, redundancyRestored: true))
        #expect(!other.contains("expect") && !other.contains("may_be_lost"), "\(other)")
    }

    @Test func aStatusSaysTheSentenceBehindItsVerdict() throws {
        let bolts = [try Views.bolt("a", "north", reach: .itself)]
        let status = try Views.status(
            bolts: bolts, partitions: [try Views.partition("north", ["a.north"], primary: "a.north", inSync: 1)])
        let text = try json(try StatusCommand.parse([]).data(status))
        let sentence = StatusScreen(status: status).verdict
        #expect(text.contains("\"verdict_text\":\"\(sentence)\"") && text.contains("\"verdict\":"), "\(text)")
    }

    @Test func aPartitionNamesTheBoltOfEachAddress() throws {
        let answer = PartitionResponse(
            partition: try Views.partition("north", ["a.north", "b.north"]), addresses: ["h:1", "h:2"],
            freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1))
        let text = try json(try PartitionShow.parse(["north"]).data(answer))
        #expect(text.contains("{\"address\":\"h:2\",\"bolt\":\"b.north\"}"), "\(text)")
        #expect(text.contains("\"addresses\":[\"h:1\",\"h:2\"]"), "\(text)")
    }

    /// `envoy ban` of somebody who is banned already ended with not_found.
    @Test func aBanThatStandsIsFound() {
        func fact(_ kind: String, _ counter: UInt64) -> RosterFactView {
            RosterFactView(
                dot: Dot(Views.replica(1), counter), at: WallTime(milliseconds: 0), author: "admin", kind: kind,
                text: kind, inForce: true)
        }
        func standing(_ word: StandingWord, _ facts: [RosterFactView]) -> Dot? {
            BanTarget.standing(
                in: ExplainResponse(
                    subject: "web-2", standing: word, facts: facts, ownership: [],
                    freshness: Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1)))?.dot
        }
        let facts = [fact("admitted", 1), fact("banned", 2), fact("banned", 3)]
        #expect(standing(.banned, facts) == Dot(Views.replica(1), 3))
        #expect(standing(.active, facts) == nil)
        // Another machine had the name since, and was merely removed: who is meant is not certain.
        #expect(standing(.banned, facts + [fact("admitted", 4), fact("removed", 5)]) == nil)
    }
}
