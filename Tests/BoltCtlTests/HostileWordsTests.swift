import ArgumentParser
import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// One bad envoy wrote to operators' terminals: its pass held escape sequences, and they were shown as they came.
@Suite struct HostileWordsTests {
    /// Sets a title, clears the screen, turns the direction, ends the line, and begins one that looks like ours.
    private static let hostile =
        "x\u{1B}]0;t\u{7}\u{1B}[2J\u{202E}\u{2067}\u{9B}31m\u{7F}\r\nFORGED\nFORGED\u{2028}\u{85}FORGED"

    private static let now = WallTime(milliseconds: 95_000)

    private static var resource: PassResource {
        PassResource(
            id: hostile, type: hostile, outcome: .failed, microseconds: 5, code: hostile, what: hostile,
            why: hostile, next: hostile, summary: [hostile], diff: hostile, output: hostile)
    }

    private static func id() throws -> PrincipalID {
        try #require(PrincipalID(bytes: [UInt8](repeating: 1, count: PrincipalID.count)))
    }

    private static func envoy() throws -> EnvoyResponse {
        var envoy = EnvoyView(
            id: try id(), name: try #require(PrincipalName("web-1")), standing: .active,
            issuer: PartitionName("north"), owner: PartitionName("south"), group: nil, labels: [hostile: hostile],
            fingerprint: KeyFingerprint(Views.bytes(2)),
            admission: Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5), admittedAt: now, lastSeenAt: now,
            traits: [hostile: .string(hostile)], storedThrough: 7)
        envoy.policy = EnvoyPolicyView(
            revision: hostile, sequence: 3, leaf: Views.bytes(1), body: Views.bytes(2), isGiven: true, held: nil,
            lastPass: EnvoyPassView(
                at: now, outcome: .failed, sequence: 3, isOffline: false, trouble: hostile, counts: nil,
                resources: [resource]))
        return EnvoyResponse(envoy: envoy, freshness: Views.fresh)
    }

    private static func results() throws -> EnvoyResultsResponse {
        let queue = try #require(QueueIncarnation(bytes: [UInt8](repeating: 0xAB, count: QueueIncarnation.count)))
        let pass = PassRecord(
            at: now, head: nil, sequence: 3, body: nil, isOffline: false, trouble: hostile,
            report: PassReport(
                isDryRun: false, isConverged: false, microseconds: 1, counts: PassCounts(failed: 1),
                resources: [resource], memoryFailure: hostile))
        return EnvoyResultsResponse(
            bolt: "a.west", source: .owner, envoy: try id(), name: try #require(PrincipalName("web-1")),
            queues: [ResultQueueView(queue: queue, storedThrough: 3, results: 3, holes: 0, isCurrent: true)],
            results: [
                EnvoyResultView(
                    kind: .result, queue: queue, sequence: 1, through: 1, at: now,
                    body: Base64Bytes(try pass.resultBody())),
                EnvoyResultView(
                    kind: .result, queue: queue, sequence: 2, through: 2, at: now, record: .string(hostile)),
                EnvoyResultView(kind: .hole, queue: queue, sequence: 3, through: 3, at: now, reason: hostile),
            ], nextAfter: nil, freshness: Views.fresh)
    }

    private static func stack() throws -> StackStatusResponse {
        let fault = StackFaultView(code: "stack_syntax", file: hostile, line: 1, reason: hostile, next: hostile)
        return try Views.stack(
            inForce: Views.revision(hostile, reason: hostile),
            source: StackSourceView(
                kind: .git, place: hostile, isFollowed: true, ageSeconds: 1, revision: hostile, trouble: hostile),
            rejected: StackRejectionView(revision: hostile, at: now, faults: [fault], count: 2, reason: hostile),
            hold: hostile,
            rollout: Views.rollout(.halted, failed: 1, failures: [Views.failure("web-7", hostile)], reason: hostile),
            pushes: [try Views.push(failed: 1, failures: [Views.failure("web-7", hostile)], stopped: hostile)])
    }

    /// Each view that shows words of envoys and of sources.
    private static func views() throws -> [(name: String, text: String)] {
        let stack = try stack()
        let dot = Dot(ReplicaID(key: Views.bytes(3), incarnation: 4), 5)
        let fact = RosterFactView(
            dot: dot, at: now, author: hostile, kind: hostile, text: hostile, inForce: false, why: hostile)
        let page = EnvoysResponse(envoys: [try envoy().envoy], nextAfter: nil, freshness: Views.fresh)
        let diff = StackDiffResponse(
            partition: try Views.name("north"), bolt: "a.north", from: "9c41d2", to: "4f2a01",
            files: [StackFileDiffView(path: hostile, kind: .changed, added: 1, removed: 1, text: hostile)],
            layers: [StackLayerDiffView(layer: hostile, changed: 1, envoys: 2)], changed: 1, envoys: 2)
        let explained = ExplainResponse(
            subject: "web-1", standing: .active, facts: [fact], ownership: [hostile], freshness: Views.fresh)
        return [
            ("envoy list", try EnvoyList.parse([]).table(page)),
            ("envoy show", try EnvoyShow.parse(["web-1"]).table(envoy())),
            ("envoy explain", try EnvoyExplain.parse(["web-1"]).table(explained)),
            ("envoy results", ResultText.text(try results(), resources: true)),
            ("envoy push --watch", try #require(stack.pushes.first.map { PushText.screen($0) })),
            ("stack status", StackText.screen(stack, now: now)), ("stack diff", StackDiff.table(diff, brief: false)),
        ]
    }

    /// What is written is obeyed by no terminal, and no word of theirs stands as a line of ours.
    @Test func noViewLetsATerminalObeyWhatOthersSay() throws {
        let output = try OutputOptions.parse([])
        for (name, table) in try Self.views() {
            let text = try output.text(["a": "b"], table: table)
            let obeyed = text.unicodeScalars.filter { $0 != "\n" && $0 != "\t" && TerminalText.isObeyed($0) }
            #expect(obeyed.isEmpty, "\(name) writes \(obeyed.map { $0.value }): \(text)")
            #expect(!text.unicodeScalars.split(separator: "\n").contains { String($0).hasPrefix("FORGED") }, "\(name)")
            #expect(text.contains("\\u{1B}]0;t"), "\(name) hides what was said: \(text)")
        }
    }

    /// Scripts read the very words, and a terminal that shows them obeys none.
    @Test(arguments: ["json", "yaml"])
    func dataIsExactAndHarmless(form: String) throws {
        let text = try OutputOptions.parse(["-o", form]).text(["words": Self.hostile], table: "")
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !TerminalText.isObeyed($0) }, "\(text)")
        let read =
            form == "yaml"
            ? try YAMLText.value(of: text) : try APIJSON.decode(JSONValue.self, from: Data(text.utf8))
        #expect(read == .object(["words": .string(Self.hostile)]), "\(text)")
    }
}
