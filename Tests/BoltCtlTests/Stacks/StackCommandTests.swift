import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// `boltctl stack`: what is asked for, what is refused before anybody is asked, what people read, how commands end.
@Suite struct StackCommandTests {
    private let now = WallTime(milliseconds: 95_000)

    private func parsed<Command: ParsableCommand>(_ line: String, as type: Command.Type) throws -> Command {
        let words = line.split(separator: " ").map(String.init)
        return try #require(try BoltCtl.parseAsRoot(words) as? Command, "\(line)")
    }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure {
            return failure.status == .usage ? failure.code : "\(failure.code) \(failure.status)"
        } catch { return "\(error)" }
        return nil
    }

    // MARK: - The command line

    /// Every verb that changes something has a dry run, a reason, and a way past the question.
    @Test(arguments: [
        "publish .", "publish --source", "rollback", "freeze", "unfreeze", "rollout pause", "rollout resume",
        "rollout abort",
    ])
    func everyChangeCanBeRehearsed(verb: String) throws {
        let words = ["stack"] + verb.split(separator: " ").map(String.init)
        #expect(throws: Never.self) {
            _ = try BoltCtl.parseAsRoot(words + ["--dry-run", "--yes", "--reason", "why", "--partition", "north"])
        }
    }

    @Test func badArgumentsAreRefusedBeforeAnybodyIsAsked() {
        func publish(_ line: String) -> String? {
            code { try parsed("stack publish \(line)", as: StackPublish.self).check() }
        }
        #expect(publish("") == "no_content" && publish(". --source") == "two_contents")
        #expect(publish("--source --revision v2") == "two_contents" && publish(". --timeout 5") == "bad_timeout")
        #expect(publish(". --wait --timeout 0") == "bad_timeout" && publish(". --wait --timeout 60") == nil)
        #expect(publish(". --revision \(String(repeating: "a", count: 201))") == "bad_name")
        #expect(publish(". --revision v2") == nil && publish("--source") == nil)
        #expect(code { try parsed("stack diff a b --dir .", as: StackDiff.self).check() } == "two_contents")
        #expect(code { try parsed("stack diff a --dir .", as: StackDiff.self).check() } == nil)
        func preview(_ line: String) -> String? {
            code { try parsed("stack preview \(line)", as: StackPreview.self).check() }
        }
        #expect(preview("web-7") == nil && preview("web-7 --dir . --group web --label a=b") == nil)
        #expect(preview("web-7 --dir . --revision 3") == "two_contents" && preview("web-7 --group web") == "no_content")
        #expect(preview("Web_7 --dir . --group web") == "bad_name" && preview("web-7 --dir . --label a") == "bad_label")
        #expect(preview("web-7 --dir . --label a=b --label a=c") == "bad_label")
        #expect(preview("web-7 --resource motd") == "bad_id" && preview("web-7 --resource file:/etc/motd") == nil)
    }

    @Test func aMeshOfSeveralPartitionsWantsOneNamed() throws {
        let (north, south) = (try Views.name("north"), try Views.name("south"))
        #expect(try StackDesk.only([north]) == north)
        #expect(code { _ = try StackDesk.only([north, south]) } == "partition_needed")
        #expect(code { _ = try StackDesk.only([]) } == "partition_needed")
    }

    /// The primary is asked first: only its word is the latest for certain.
    @Test func aPartitionsPrimaryIsAskedFirst() throws {
        let partition = try Views.partition("north", ["a.north", "b.north", "c.north"], primary: "b.north")
        let answer = PartitionResponse(partition: partition, addresses: ["h:1", "h:2", ""], freshness: Views.fresh)
        #expect(StackDesk.order(answer) == ["h:2", "h:1"])
    }

    /// A rollback holds: what a source brings does not undo it, unless that is asked for.
    @Test func aRollbackFreezesUnlessToldOtherwise() throws {
        let north = try Views.name("north")
        let plain = try parsed("stack rollback", as: StackRollback.self).request(north)
        #expect(plain == RollbackStackRequest(partition: north, revision: nil, freeze: true, reason: ""))
        let other = try parsed(
            "stack rollback 9c41 --no-freeze --at-once --expect 4f2a --reason sshd", as: StackRollback.self)
        #expect(
            other.request(north)
                == RollbackStackRequest(
                    partition: north, revision: "9c41", expectRevision: "4f2a", freeze: false, immediately: true,
                    reason: "sshd"))
    }

    @Test func whatIsPublishedIsADirectoryOrTheSource() throws {
        let north = try Views.name("north")
        let source = try parsed("stack publish --source --expect 4f2a", as: StackPublish.self)
        #expect(
            source.request(north, nil)
                == PublishStackRequest(partition: north, files: nil, expectRevision: "4f2a", reason: ""))
        let files = [StackFileBody(path: "stack.yaml", bytes: [1])]
        let directory = try parsed("stack publish . --revision v2 --reason motd", as: StackPublish.self)
        #expect(
            directory.request(north, files)
                == PublishStackRequest(partition: north, files: files, revision: "v2", reason: "motd"))
    }

    // MARK: - What people read

    @Test func aStatusSaysWhatIsInForceWhereItComesFromAndHowFarItIs() throws {
        let status = try Views.stack(
            source: StackSourceView(
                kind: .git, place: "https://git.example/stack main", isFollowed: true,
                lookedAt: WallTime(milliseconds: 90_000), ageSeconds: 240, revision: "4f2a01",
                trouble: "git: connection refused"),
            rollout: Views.rollout(failed: 1, failures: [Views.failure("web-3")]),
            pushes: [try Views.push()], next: "boltctl envoy show web-3")
        #expect(
            StackText.screen(status, now: now) == """
                partition   north, as a.north has it
                in force    4f2a01, version 3 of web
                published   1970-01-01T00:00:01Z by operator/ada (motd)
                machines    40 machines, 2 bodies, head 17
                too old     never
                source      git https://git.example/stack main at 4f2a01, read 4 min ago
                trouble     git: connection refused
                roll-out    of 4f2a01 runs: 7 of 40 machines have it, 2 under way, 1 failed, 30 not given it
                its limits  3 at once, 5 stand all the while, halts with more than 2 failures
                  failed: web-3: file:/etc/motd: no space left
                push 3f2a0000 runs: batch 2 of 4, 12 of 40 machines, 7 told, 1 failed
                next: boltctl envoy show web-3
                """)
    }

    /// After a rollback nothing said that the branch held something else than what was in force.
    @Test func aStatusSaysWhenTheSourceHoldsSomethingElse() throws {
        func text(_ revision: String?, isFrozen: Bool, _ kind: StackSourceView.Kind = .git) throws -> String {
            let frozen = StackFreezeView(actor: "operator/eve", at: WallTime(milliseconds: 2_000), reason: "")
            let source = StackSourceView(kind: kind, place: "x", isFollowed: !isFrozen, revision: revision)
            return StackText.screen(try Views.stack(source: source, frozen: isFrozen ? frozen : nil), now: now)
        }
        #expect(try text("9c41d2", isFrozen: true).contains("the freeze holds it back, unfreezing publishes it"))
        let free = try text("9c41d2", isFrozen: false)
        #expect(free.contains("the source's newest, 9c41d2, is not in force\n"), "\(free)")
        #expect(try !text("4f2a01", isFrozen: true).contains("differs"))
        #expect(try !text(nil, isFrozen: true).contains("differs"))
        #expect(try !text("9c41d2", isFrozen: false, .none).contains("differs"))
    }

    @Test func aStatusSaysWhoFrozeItAndWhyARevisionWasNotTaken() throws {
        let fault = StackFaultView(
            code: "stack_cycle", file: "layers/10-base.yaml", line: 12, reason: "a requires b requires a", next: "x")
        let status = try Views.stack(
            primary: false, inForce: nil,
            frozen: StackFreezeView(actor: "operator/eve", at: WallTime(milliseconds: 2_000), reason: "fair"),
            rejected: StackRejectionView(
                revision: "9c41d2", at: WallTime(milliseconds: 35_000), faults: [fault], count: 3,
                reason: "it has faults"),
            hold: "the partition is sealed", rollout: nil)
        let text = StackText.screen(status, now: now)
        #expect(text.contains("north, as a.north has it, not the primary: what came last may be missing"))
        #expect(text.contains("in force   nothing: no stack was published"), "\(text)")
        #expect(text.contains("source     none: operators publish") && text.contains("the partition is sealed"))
        #expect(text.contains("since 1970-01-01T00:00:02Z by operator/eve (fair)"))
        #expect(
            text.hasSuffix(
                """
                9c41d2 was not taken, 60 s ago: it has faults
                  layers/10-base.yaml:12: a requires b requires a [stack_cycle]
                  and 2 more
                """))
    }

    @Test func aHistoryMarksWhatIsInForce() throws {
        let answer = StackHistoryResponse(
            partition: try Views.name("north"), bolt: "a.north", isPrimary: true,
            revisions: [
                Views.revision(),
                Views.revision(String(repeating: "ab", count: 20), version: 2, inForce: false, kept: false, reason: ""),
            ], nextAfter: 2)
        #expect(
            StackHistory.table(answer) == """
                VERSION  REVISION      TIME                  BY            FILES  BYTES    KEPT  REASON
                3 *      4f2a01        1970-01-01T00:00:01Z  operator/ada  4      2.0 KiB  yes   motd
                2        abababababab  1970-01-01T00:00:01Z  operator/ada  4      2.0 KiB  no    -
                * in force
                more: boltctl stack history --partition north --after 2
                """)
        let none = StackHistoryResponse(
            partition: try Views.name("north"), bolt: "a.north", isPrimary: true, revisions: [], nextAfter: nil)
        #expect(StackHistory.table(none) == "nothing was published in north yet")
    }

    @Test func aChangeSaysWhatItDidAndHowSafeItIs() throws {
        var change = StackChangeResponse(
            partition: try Views.name("north"), bolt: "a.north", changed: true, inForce: Views.revision(),
            rollout: Views.rollout(given: 0, succeeded: 0), level: .paired, dryRun: false, effects: ["one"])
        #expect(
            StackText.change(change) == """
                one
                roll-out of 4f2a01 runs: 0 of 40 machines have it, 40 not given it
                acknowledged at paired
                """)
        change.dryRun = true
        #expect(StackText.change(change).hasPrefix("would be so: one\n"))
        #expect(StackText.change(change).hasSuffix("\ndry run: nothing was changed"))
        (change.dryRun, change.changed, change.rollout, change.effects) = (false, false, nil, [])
        #expect(StackText.change(change) == "it was so already: nothing was changed")
    }

    // MARK: - Comparing

    private func diff(_ files: [StackFileDiffView], faults: [StackFaultView] = []) throws -> StackDiffResponse {
        StackDiffResponse(
            partition: try Views.name("north"), bolt: "a.north", from: "9c41d2", to: nil, files: files,
            layers: faults.isEmpty && !files.isEmpty ? [StackLayerDiffView(layer: "web", changed: 12, envoys: 30)] : [],
            changed: files.isEmpty ? 0 : 12, envoys: 40, faults: faults)
    }

    /// The contract: 2 where there are changes.
    @Test func aComparisonEndsWith2WhereThereAreChanges() throws {
        let file = StackFileDiffView(
            path: "layers/20-web.yaml", kind: .changed, added: 1, removed: 1, text: "@@ -1 +1 @@\n-a\n+b")
        let fault = StackFaultView(code: "stack_syntax", file: "stack.yaml", line: 1, reason: "no YAML", next: "x")
        #expect(try StackDiff.status(of: diff([])) == nil && StackDiff.status(of: diff([file])) == .changes)
        #expect(StackDiff.status(of: try diff([file], faults: [fault])) == .error)
        #expect(
            StackDiff.table(try diff([file]), brief: false) == """
                9c41d2 → the directory

                M layers/20-web.yaml  +1 -1
                    @@ -1 +1 @@
                    -a
                    +b

                LAYER  WOULD CHANGE  MACHINES
                web    12            30

                12 of 40 machines would get another policy
                """)
        #expect(!StackDiff.table(try diff([file]), brief: true).contains("@@"))
        var older = try diff([file])
        (older.terms, older.layers, older.changed) = (["expiry.after 1h → 2h"], [], 40)
        #expect(
            StackDiff.table(older, brief: true).hasSuffix(
                "  +1 -1\n\nexpiry.after 1h → 2h\n\n40 of 40 machines would get another policy"))
        #expect(StackDiff.table(try diff([]), brief: false) == "9c41d2 and the directory are the same")
        #expect(
            StackDiff.table(try diff([file], faults: [fault]), brief: true).hasSuffix(
                "it cannot be published: 1 fault\n  stack.yaml:1: no YAML [stack_syntax]"))
    }

    @Test func withoutArgumentsTheRevisionBeforeIsCompared() throws {
        func history(_ versions: [UInt64]) throws -> StackHistoryResponse {
            StackHistoryResponse(
                partition: try Views.name("north"), bolt: "a.north", isPrimary: true,
                revisions: versions.map { Views.revision(version: $0) }, nextAfter: nil)
        }
        #expect(try StackDiff.before(history([7, 5])) == "5")
        #expect(code { _ = try StackDiff.before(history([7])) }?.hasPrefix("no_such_revision") == true)
    }

    // MARK: - How commands end

    @Test func aCommandThatFollowedEndsAsItsRollOutDid() throws {
        let north = try Views.name("north")
        func outcome(_ rollout: RolloutView) throws -> RolloutOutcome {
            RolloutOutcome(.ended(try Views.stack(rollout: rollout)), of: north)
        }
        #expect(try outcome(Views.rollout(.finished, given: 40, succeeded: 40)).status == nil)
        // It ends with 0 where all machines have it, and only there.
        let silent = try outcome(Views.rollout(.finished, given: 40, succeeded: 38, silent: 2))
        #expect(silent.status == .error && silent.notes.first?.contains("2 not heard of") == true)
        let heldUp = RolloutOutcome(
            .ended(
                try Views.stack(
                    hold: "web-3 keeps what it has: secret a is missing",
                    rollout: Views.rollout(.finished, given: 39, succeeded: 39, heldUp: 1))), of: north)
        #expect(heldUp.status == .error)
        #expect(
            heldUp.notes.prefix(2) == [
                "not all machines have it: roll-out of 4f2a01 is over, not done: 39 of 40 machines have it, 1 held up",
                "held up: web-3 keeps what it has: secret a is missing",
            ])
        let failed = try outcome(
            Views.rollout(.halted, given: 10, succeeded: 7, failed: 3, failures: [Views.failure("web-3")]))
        #expect(failed.status == .error && failed.notes.contains { $0.contains("web-3") })
        #expect(failed.notes.last?.contains("boltctl stack rollback --partition north") == true)
        #expect(try outcome(Views.rollout(.finished, given: 40, succeeded: 39, failed: 1)).status == .error)
        #expect(try outcome(Views.rollout(.paused)).status == .running)
        #expect(try outcome(Views.rollout(.aborted)).status == .error)
        #expect(RolloutOutcome(.late(nil), of: north).status == .running)
        let left = RolloutOutcome(.detached(try Views.stack()), of: north)
        #expect(left.status == .running && left.notes.joined().contains("boltctl stack status --partition north"))
    }

    /// What went before, and what came after, is not taken for the roll-out that is followed.
    @Test func onlyItsOwnVersionEndsTheFollowing() throws {
        func isEnd(_ rollout: RolloutView?) throws -> Bool {
            StackFollowOptions.isEnd(try Views.stack(rollout: rollout), of: 3)
        }
        #expect(try !isEnd(nil) && !isEnd(Views.rollout(.finished, version: 2)) && !isEnd(Views.rollout(.running)))
        #expect(try isEnd(Views.rollout(.finished, given: 40, succeeded: 40)))
        #expect(try isEnd(Views.rollout(.halted)) && isEnd(Views.rollout(.paused)))
        #expect(try isEnd(Views.rollout(.running, version: 4)))
        // Some are under way: it goes on, whatever the word of its state.
        let begun = Views.rollout(.finished, envoys: 1, given: 1, succeeded: 0)
        #expect(try !isEnd(begun))
        #expect(StackText.rollout(begun) == "of 4f2a01 runs: 0 of 1 machine has it, 1 under way")
    }

    @Test func aPartitionThatCannotBeAskedIsToldAndEndsTheCommand() throws {
        let silent = StackStatus.Answer.Silence(partition: try Views.name("south"), code: "unreachable", error: "gone")
        let answer = StackStatus.Answer(stacks: [try Views.stack()], unanswered: [silent])
        #expect(answer.status == .error)
        #expect(StackStatus.table(answer, now: now).hasSuffix("\n\npartition south: gone [unreachable]"))
        #expect(StackStatus.Answer(stacks: [], unanswered: [silent]).status == .unavailable)
        #expect(StackStatus.Answer(stacks: [try Views.stack()], unanswered: []).status == nil)
    }
}
