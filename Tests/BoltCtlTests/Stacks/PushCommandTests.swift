import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// `boltctl envoy push`, and what `envoy show` tells of policy.
@Suite struct PushCommandTests {
    private func command(_ line: String) throws -> EnvoyPush {
        let words = (["envoy", "push"] + line.split(separator: " ").map(String.init))
        return try #require(try BoltCtl.parseAsRoot(words) as? EnvoyPush, "\(line)")
    }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    private func envoy(_ name: String, _ id: UInt64, owner: String?) throws -> EnvoyView {
        EnvoyView(
            id: PrincipalID(high: 0, low: id), name: try #require(PrincipalName(name)), standing: .active, issuer: nil,
            owner: owner.flatMap { PartitionName($0) }, group: nil, labels: [:],
            fingerprint: KeyFingerprint(Views.bytes(2)),
            admission: Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5), admittedAt: WallTime(milliseconds: 0))
    }

    @Test func badArgumentsAreRefusedBeforeAnybodyIsAsked() {
        func refusal(_ line: String) -> String? { code { try command(line).check() } }
        #expect(refusal("") == "no_content" && refusal("--partition north") == "no_content")
        #expect(refusal("web-7 --watch 3f2a") == "two_contents")
        #expect(refusal("--watch 3f2a --abort 3f2a") == "two_contents")
        #expect(refusal("--all --group web") == "two_contents" && refusal("--all web-7") == "two_contents")
        #expect(refusal("web-7 --batch 0") == "bad_count" && refusal("web-7 --threshold 101") == "bad_count")
        #expect(refusal("web-7 --pause-between soon") == "bad_span" && refusal("web-7 --patience 25h") == "bad_span")
        #expect(refusal("--label a") == "bad_label" && refusal("--group Web_1") == "bad_name")
        #expect(refusal("--all --timeout 0") == "bad_timeout")
        for line in ["web-7 web-8", "--all", "--group web --label a=b", "--watch 3f2a", "--abort 3f2a --dry-run"] {
            #expect(refusal(line) == nil, "\(line)")
        }
    }

    @Test func whatIsAskedForFollowsTheArguments() throws {
        let target = PushTarget(partition: try Views.name("north"), selection: EnvoySelection(all: true))
        let request = try command(
            "--all --batch 10 --threshold 90 --pause-between 30s --patience 5m --disruptive --reason kernel"
        ).request(target)
        #expect(request.batch == 10 && request.thresholdPercent == 90 && request.pauseSeconds == 30)
        #expect(request.patienceSeconds == 300 && request.isDisruptive && request.reason == "kernel")
        #expect(request.partition == target.partition && request.selection == target.selection)
        let plain = try command("--all").request(target)
        #expect(plain.batch == nil && plain.thresholdPercent == 100 && plain.pauseSeconds == 0)
        #expect(plain.patienceSeconds == nil && !plain.isDisruptive && plain.push != request.push)
    }

    @Test func machinesArePushedByTheirOwners() throws {
        let envoys = [
            try envoy("web-7", 7, owner: "south"), try envoy("web-8", 8, owner: "north"),
            try envoy("web-9", 9, owner: "south"), try envoy("web-7", 7, owner: "south"),
        ]
        let targets = try PushDesk.targets(envoys, only: nil, group: nil, labels: [:])
        #expect(targets.map(\.partition.text) == ["north", "south"])
        #expect(targets.map { $0.selection.envoys?.count } == [1, 2])
        let south = try Views.name("south")
        #expect(code { _ = try PushDesk.targets(envoys, only: south, group: nil, labels: [:]) } == "not_found")
        var banned = try envoy("web-3", 3, owner: "south")
        banned.standing = .banned
        do {
            _ = try PushDesk.targets([banned], only: nil, group: nil, labels: [:])
            Issue.record("a machine that is shown, and is in force no more, was pushed")
        } catch let failure as CommandFailure {
            #expect(failure.code == "not_found" && failure.message == "web-3 is banned: nothing is given to it")
        }
        let nobodys = [try envoy("web-1", 1, owner: nil)]
        #expect(code { _ = try PushDesk.targets(nobodys, only: nil, group: nil, labels: [:]) } == "not_found")
    }

    private func requests(_ names: String...) throws -> [PushRequest] {
        try names.map {
            try command("--group web").request(
                PushTarget(partition: try Views.name($0), selection: EnvoySelection(group: GroupName("web"))))
        }
    }

    /// Those who have machines of a choice are pushed: the first partition that had none ended the command.
    @Test func aPartitionWithoutSuchMachinesIsPassedOver() async throws {
        let requests = try requests("east", "north", "south", "west")
        let answer = PushChangeResponse(push: try Views.push(), level: .local, dryRun: true, effects: [])
        func rehearse(_ answers: [String: Problem]) async throws -> [[String]] {
            let found = try await PushDesk.rehearse(requests) { request in
                answers[request.partition.text].map { .failure($0) } ?? .success(answer)
            }
            return [found.rehearsed.map(\.request.partition.text), found.refused.map(\.text)]
        }
        func failure(_ answers: [String: Problem]) async -> String? {
            do { _ = try await rehearse(answers) } catch { return (error as? CommandFailure)?.code }
            return nil
        }
        let (none, heldUp) = (Problem(.notFound, "no envoy fits that"), Problem(.pushRefused, "held up"))
        #expect(try await rehearse(["east": none, "south": none]) == [["north", "west"], []])
        #expect(try await rehearse(["east": none, "west": heldUp]) == [["north", "south"], ["west"]])
        let nobody = Dictionary(uniqueKeysWithValues: requests.map { ($0.partition.text, none) })
        #expect(await failure(nobody) == "not_found")
        // Somebody is meant, and cannot: that is no machine that is not found.
        #expect(await failure(nobody.merging(["east": heldUp]) { $1 }) == "push_refused")
    }

    @Test func onlyWhatConcernsOnePartitionIsPassedOver() throws {
        let choice = try #require(try requests("north").first)
        let named = try command("web-7").request(
            PushTarget(partition: try Views.name("north"), selection: EnvoySelection(envoys: ["web-7"])))
        let none = Problem(.notFound, "no envoy fits that")
        #expect(PushDesk.isPassedOver(none, choice, of: 2) && !PushDesk.isPassedOver(none, choice, of: 1))
        // Who is named is meant.
        #expect(!PushDesk.isPassedOver(none, named, of: 2))
        #expect(PushDesk.isPassedOver(Problem(.pushRefused, "held up"), named, of: 2))
        #expect(!PushDesk.isPassedOver(Problem(.noPrimary, "none"), choice, of: 2))
    }

    @Test func aPushIsNamedByItsIdOrTheBeginningOfIt() throws {
        let known = [try Views.push(0x3F2A), try Views.push(0x3F2B), try Views.push(0x9C41, partition: "south")]
        #expect(try PushDesk.choose("9c41", among: known, silent: []).partition.text == "south")
        #expect(try PushDesk.choose("3F2A", among: known, silent: []).id == known[0].id)
        #expect(try PushDesk.choose(known[1].id.apiText, among: known, silent: []).id == known[1].id)
        #expect(code { _ = try PushDesk.choose("3f2", among: known, silent: []) } == "bad_id")
        #expect(code { _ = try PushDesk.choose("web-7", among: known, silent: []) } == "bad_id")
        #expect(code { _ = try PushDesk.choose("0000", among: known, silent: []) } == "not_found")
        let twins = [try Views.push(0x3F2A), try Views.push(0x3F2A, partition: "south")]
        #expect(code { _ = try PushDesk.choose("3f2a", among: twins, silent: []) } == "ambiguous")
        do {
            _ = try PushDesk.choose("0000", among: [], silent: [try Views.name("south")])
        } catch let failure as CommandFailure {
            #expect(failure.reason == "south cannot be asked, and may know of it")
        }
    }

    /// Exit codes of the contract: 0 done, 1 stopped, 3 accepted and still running.
    @Test func aCommandEndsAsItsPushDid() throws {
        let running = try Views.push()
        let done = try Views.push(0x3F2A, .finished, asked: 40, succeeded: 39, failures: [Views.failure("web-3")])
        let halted = try Views.push(0x3F2A, .halted, stopped: "60 % of batch 2 succeeded")
        #expect(PushOutcome(running, nil).status == .running && PushOutcome(running, .late(nil)).status == .running)
        let left = PushOutcome(running, .detached(running))
        #expect(left.status == .running)
        #expect(left.notes.joined().contains("boltctl envoy push --watch \(running.id) --partition north"))
        #expect(left.notes.joined().contains("boltctl envoy push --abort \(running.id) --partition north"))
        let finished = PushOutcome(running, .ended(done))
        #expect(finished.status == nil && finished.notes.contains { $0.contains("web-3") })
        let stopped = PushOutcome(running, .ended(halted))
        #expect(stopped.status == .error)
        #expect(stopped.notes.joined(separator: "\n").contains("60 % of batch 2 succeeded"))
        #expect(stopped.notes.last?.hasPrefix("20 machines not told") == true)
        #expect(PushOutcome(running, .ended(try Views.push(0x3F2A, .aborted))).status == .error)
    }

    @Test func aPushIsToldInOneLineAndWhole() throws {
        let push = try Views.push(failures: [Views.failure("web-3", "told nothing within 300 s")])
        #expect(
            PushText.line(push) == "3f2a0000 runs: batch 2 of 4, 12 of 40 machines, 7 told, 1 failed")
        let screen = PushText.screen(push)
        #expect(screen.contains("needs      90 % of a batch, 30 s between batches"), "\(screen)")
        #expect(screen.hasSuffix("  failed: web-3: told nothing within 300 s"))
        #expect(PushText.change([push], ["one"], level: nil).hasPrefix("would be so: one\n"))
        // Nothing was begun: it does not run.
        var dry = push
        (dry.batch, dry.asked, dry.succeeded, dry.failed) = (0, 0, 0, 0)
        #expect(PushText.change([dry], ["one"], level: nil) == "would be so: one\ndry run: nothing was changed")
        #expect(PushText.change([push], ["one"], level: .paired).hasSuffix("acknowledged at paired"))
        // Over several partitions each line says whose it is; of one nobody asks.
        #expect(PushText.change([push, push], [], level: .paired).hasPrefix("north: push 3f2a0000 runs"))
        let answer = PushChangeResponse(push: push, level: .paired, dryRun: false, effects: ["one", "two"])
        #expect(PushText.effects(answer, of: 2) == ["north: one", "north: two"])
        #expect(PushText.effects(answer, of: 1) == ["one", "two"])
    }

    /// Scripts read these names: they do not change.
    @Test func theAnswerHasItsNames() throws {
        let answer = EnvoyPush.Answer(pushes: [try Views.push()], effects: ["one"], level: .paired, dryRun: false)
        let json = String(decoding: try APIJSON.encode(answer), as: UTF8.self)
        for name in [
            "\"dry_run\":false", "\"level\":\"paired\"", "\"threshold_percent\":90", "\"state\":\"running\"",
            "\"batch\":2", "\"asked\":20",
        ] { #expect(json.contains(name), "\(name) in \(json)") }
    }

    @Test func aMachineShowsWhatItWasGivenAndWhatItDid() throws {
        var view = try envoy("web-7", 7, owner: "north")
        let pass = EnvoyPassView(
            at: WallTime(milliseconds: 1_000), outcome: .failed, sequence: 17, isOffline: true,
            counts: PassCounts(unchanged: 40, skipped: 1, failed: 1),
            resources: [
                PassResource(
                    id: "file:/etc/motd", type: "file", outcome: .failed, microseconds: 3, code: "no_space",
                    what: "writing it", why: "no space left"),
                PassResource(
                    id: "exec:reload", type: "exec", outcome: .skipped, microseconds: 0, reason: "waits",
                    by: "file:/etc/motd"),
            ])
        view.policy = EnvoyPolicyView(
            revision: "4f2a01", sequence: 17, leaf: Views.bytes(5), body: Views.bytes(6), secrets: 1, isGiven: true,
            held: Views.bytes(5), lastPass: pass)
        let text = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(
            text.hasSuffix(
                """
                policy     4f2a01, head 17
                given      yes, and it holds it
                leaf       05050505, body 06060606, 1 secret sealed to it
                last pass  1970-01-01T00:00:01Z, head 17: offline, failed: 1 failed, 1 passed over, 40 unchanged
                  file:/etc/motd: failed: writing it: no space left [no_space]
                  exec:reload: skipped: waits: file:/etc/motd
                """), "\(text)")
        // Just after its bolt's start nobody knows what it holds; it was told to hold none.
        view.policy?.held = nil
        view.policy?.isReported = false
        let silent = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(silent.contains("given      yes; what it holds is not reported since this bolt began\n"), "\(silent)")
        view.policy?.isReported = true
        let empty = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(empty.contains("given      yes; at its last report it holds none\n"), "\(empty)")
        view.policy?.held = Views.bytes(5)
        var banned = view
        banned.standing = .banned
        banned.policy?.leaf = nil
        banned.policy?.isGiven = false
        let gone = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: banned, freshness: Views.fresh))
        #expect(gone.contains("given      nothing any more: it is banned\n"), "\(gone)")
        view.policy?.heldUp = "secret db/password is missing; next: boltctl secret put db/password"
        view.policy?.heldSequence = 16
        view.policy?.heldRevision = "b58b7b"
        let heldUp = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(heldUp.contains("given      no, held up: secret db/password is missing; next: "), "\(heldUp)")
        #expect(heldUp.contains("; it holds 05050505, head 16 of b58b7b\n"), "\(heldUp)")
        view.policy?.heldUp = nil
        view.policy?.heldSequence = nil
        view.policy?.isGiven = false
        view.policy?.held = Views.bytes(4)
        view.policy?.lastPass = nil
        let waiting = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(waiting.contains("not yet, its roll-out has not come to it; it holds 04040404"))
        #expect(waiting.hasSuffix("last pass  none was told"))
        view.policy = EnvoyPolicyView(
            revision: nil, sequence: 0, leaf: nil, body: nil, isGiven: false, held: nil, lastPass: nil)
        let none = try EnvoyShow.parse(["web-7"]).table(EnvoyResponse(envoy: view, freshness: Views.fresh))
        #expect(none.hasSuffix("policy    none: nothing is published for it"))
    }
}
