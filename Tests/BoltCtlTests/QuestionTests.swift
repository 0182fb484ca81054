import ArgumentParser
import BoltAPI
import Foundation
import Spanner
import Testing

@testable import boltctl

/// What each command asks for, given its arguments; and that bad ones are refused before anybody is asked.
@Suite struct QuestionTests {
    private func parsed<Command: ParsableCommand>(_ line: String, as type: Command.Type) throws -> Command {
        let command = try BoltCtl.parseAsRoot(line.split(separator: " ").map(String.init))
        return try #require(command as? Command, "\(line)")
    }

    private func asked<Command: AskingCommand>(_ line: String, as type: Command.Type) throws -> String {
        let question = try parsed(line, as: type).question()
        #expect(question.endpoint.answerShape == Command.Answer.self, "\(line): the answer's shape is the endpoint's")
        let query = question.query.compactMap { name, value in value.map { "\(name)=\($0)" } }
        return "\(question.endpoint.method.rawValue) \(question.endpoint.path)"
            + (question.arguments.isEmpty ? "" : " \(question.arguments)")
            + (query.isEmpty ? "" : " ?\(query.joined(separator: "&"))")
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure {
            return failure.status == .usage ? failure.code : "\(failure.code) is no usage error"
        } catch { return "\(error)" }
        return nil
    }

    @Test func questionsFollowTheArguments() throws {
        #expect(try asked("status", as: StatusCommand.self) == "GET /v1/status")
        #expect(try asked("bolt list", as: BoltList.self) == "GET /v1/bolts")
        #expect(try asked("bolt show a.north", as: BoltShow.self) == #"GET /v1/bolts/{bolt} ["a.north"]"#)
        #expect(try asked("envoy list", as: EnvoyList.self) == "GET /v1/envoys ?limit=1000")
        #expect(
            try asked("envoy list --name web --limit 5 --after ff", as: EnvoyList.self)
                == "GET /v1/envoys ?name=web&after=ff&limit=5")
        #expect(try asked("envoy show web", as: EnvoyShow.self) == #"GET /v1/envoys/{envoy} ["web"]"#)
        #expect(try asked("envoy explain web", as: EnvoyExplain.self) == #"GET /v1/envoys/{envoy}/explain ["web"]"#)
        #expect(try asked("envoy token list", as: TokenList.self) == "GET /v1/tokens")
        #expect(
            try asked("roster list --role bolt", as: RosterList.self) == "GET /v1/roster ?role=bolt&limit=1000")
        #expect(try asked("roster log", as: RosterLog.self) == "GET /v1/roster/log ?limit=100")
        #expect(try asked("partition list", as: PartitionList.self) == "GET /v1/partitions")
        #expect(
            try asked("partition show north", as: PartitionShow.self) == #"GET /v1/partitions/{partition} ["north"]"#)
        #expect(
            try asked("partition history north --at b.north", as: PartitionHistory.self)
                == #"GET /v1/partitions/{partition}/history ["north"] ?bolt=b.north"#)
        #expect(
            try asked("partition salvage north --fate replayed --after 7", as: PartitionSalvage.self)
                == #"GET /v1/partitions/{partition}/salvage ["north"] ?fate=replayed&after=7&limit=100"#)
        #expect(
            try asked("audit log north", as: AuditLog.self)
                == #"GET /v1/partitions/{partition}/audit ["north"] ?limit=100"#)
        #expect(try asked("roster conflicts", as: RosterConflicts.self) == "GET /v1/roster/conflicts")
    }

    @Test func questionsAboutSlicesFollowTheArguments() throws {
        #expect(try asked("slice list", as: SliceList.self) == "GET /v1/slices ?limit=1000")
        #expect(
            try asked("slice list --group web --owner north --after web/17", as: SliceList.self)
                == "GET /v1/slices ?group=web&owner=north&after=web/17&limit=1000")
        #expect(
            try asked("slice explain web/17", as: SliceExplain.self)
                == #"GET /v1/slices/{group}/{slice} ["web", "17"]"#)
        #expect(try asked("topology history", as: TopologyHistory.self) == "GET /v1/topology/history ?limit=100")
        for (line, code) in [
            ("slice list --group Web", "bad_name"), ("slice list --owner North", "bad_name"),
            ("slice list --after web", "bad_slice"),
        ] {
            let command = try parsed(line, as: SliceList.self)
            #expect(refusal { _ = try command.question() } == code, "\(line)")
        }
        let explain = try parsed("slice explain web-7", as: SliceExplain.self)
        #expect(refusal { _ = try explain.question() } == "bad_slice")
    }

    @Test(arguments: [
        ("--slices-in-flight 0", "bad_budget"), ("--timeout 0", "bad_timeout"), ("--task zz", "bad_id"),
        ("--driver North", "bad_name"),
    ])
    func badAppliesAreRefusedBeforeAnybodyIsAsked(options: String, code: String) throws {
        let command = try parsed("rebalance apply \(options)", as: RebalanceApply.self)
        #expect(refusal { try command.options.check() } == code)
    }

    @Test func badArgumentsAreRefusedBeforeAnybodyIsAsked() throws {
        let list = try parsed("roster list --role king", as: RosterList.self)
        #expect(refusal { _ = try list.question() } == "bad_role")
        for (line, code) in [
            ("roster resolve web --keep 0011223", "bad_id"), ("roster resolve web --keep 00112233zz", "bad_id"),
            ("roster resolve WEB --keep 0011223344", "bad_name"),
            ("roster resolve web --keep 0011223344 --role king", "bad_role"),
        ] {
            let command = try parsed(line, as: RosterResolve.self)
            #expect(refusal { try command.check() } == code, "\(line)")
        }
        let salvage = try parsed("partition salvage north --fate lost", as: PartitionSalvage.self)
        #expect(refusal { _ = try salvage.question() } == "bad_fate")
        let show = try parsed("partition show North", as: PartitionShow.self)
        #expect(refusal { _ = try show.question() } == "bad_name")
        let revoke = try parsed("envoy token revoke zz", as: TokenRevoke.self)
        #expect(refusal { try revoke.check() } == "bad_id")
    }

    @Test(arguments: [
        ("--expires 0s", "bad_span"), ("--expires 366d", "bad_span"), ("--expires soon", "bad_span"),
        ("--uses 0", "bad_uses"), ("--label x", "bad_label"), ("--label =x", "bad_label"),
        ("--group Not_A_Name", "bad_name"), ("--home Not_A_Name", "bad_name"),
    ])
    func badTokensAreRefusedBeforeAnybodyIsAsked(options: String, code: String) async throws {
        let command = try parsed("envoy token create \(options)", as: TokenCreate.self)
        #expect(refusal { _ = try command.request() } == code)
    }

    @Test func tokensFollowTheArguments() throws {
        let one = try parsed("envoy token create", as: TokenCreate.self).request()
        #expect(one.kind == .oneShot && one.uses == 1 && one.expiresSeconds == 3600 && one.labels.isEmpty)
        let many = try parsed(
            "envoy token create --uses 10 --expires 24h --group web --label env=prod --label a=b=c --home north",
            as: TokenCreate.self
        ).request()
        #expect(many.kind == .multiUse && many.uses == 10 && many.expiresSeconds == 86_400)
        #expect(many.labels == ["env": "prod", "a": "b=c"])
        #expect(many.group?.text == "web" && many.home?.text == "north")
    }

    @Test func spansAreReadAsPeopleWriteThem() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800)] {
            #expect(SpanText.seconds(text) == UInt64(seconds))
        }
        for text in ["", "s", "0", "-1", "1.5h", "1w", "h1", "99999999999999999999", "999999999999999999d"] {
            #expect(SpanText.seconds(text) == nil, "\(text)")
        }
    }

    @Test func pagesEndWithTheNextCommand() {
        #expect(PageOptions.more("envoy list", after: "ff") == "\nmore: boltctl envoy list --after ff")
        #expect(PageOptions.more("envoy list", after: nil) == "")
    }

    @Test func dryRunsAskNobodyAndSayTheySoInTheRequest() throws {
        let dry = try parsed("envoy remove web --dry-run", as: EnvoyRemove.self).mutation
        #expect(dry.dryRun && dry.query.map { "\($0.0)=\($0.1 ?? "-")" } == ["dry_run=true"])
        let real = try parsed("envoy remove web -y --reason gone", as: EnvoyRemove.self).mutation
        #expect(!real.dryRun && real.yes && real.reason == "gone" && real.query.map(\.1) == [nil])
    }
}
