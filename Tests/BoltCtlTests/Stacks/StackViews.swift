import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

@testable import boltctl

/// Answers about stacks, roll-outs and pushes, made up; and directories that hold stacks.
extension Views {
    static func revision(
        _ name: String = "4f2a01", version: UInt64 = 3, inForce: Bool = true, kept: Bool = true, reason: String = "motd"
    ) -> StackRevisionView {
        StackRevisionView(
            revision: name, version: version, digest: bytes(4), stack: "web", at: WallTime(milliseconds: 1_000),
            actor: "operator/ada", reason: reason, files: 4, bytes: 2048, isInForce: inForce, isKept: kept)
    }

    static func rollout(
        _ state: RolloutView.State = .running, version: UInt64 = 3, envoys: UInt64 = 40, given: UInt64 = 10,
        succeeded: UInt64 = 7, failed: UInt64 = 0, silent: UInt64 = 0, heldUp: UInt64 = 0,
        failures: [PolicyFailureView] = [], reason: String? = nil
    ) -> RolloutView {
        RolloutView(
            revision: "4f2a01", version: version, state: state,
            limits: RolloutLimitsView(maxConcurrent: 3, minStanding: 5, maxFail: 2), envoys: envoys, given: given,
            succeeded: succeeded, failed: failed, silent: silent, heldUp: heldUp, failures: failures,
            reason: reason, beganAt: WallTime(milliseconds: 2_000))
    }

    static func failure(_ name: String, _ reason: String = "file:/etc/motd: no space left") -> PolicyFailureView {
        PolicyFailureView(envoy: PrincipalID(high: 0, low: 7), name: PrincipalName(name), reason: reason)
    }

    static func stack(
        _ partition: String = "north", primary: Bool = true, inForce: StackRevisionView? = revision(),
        source: StackSourceView = StackSourceView(kind: .none, place: nil, isFollowed: false),
        frozen: StackFreezeView? = nil, rejected: StackRejectionView? = nil, hold: String? = nil,
        rollout: RolloutView? = rollout(), pushes: [PushView] = [], next: String? = nil
    ) throws -> StackStatusResponse {
        StackStatusResponse(
            partition: try name(partition), bolt: "a.\(partition)", isPrimary: primary, inForce: inForce, sequence: 17,
            envoys: 40, bodies: 2, source: source, frozen: frozen, rejected: rejected, hold: hold, rollout: rollout,
            pushes: pushes, next: next, freshness: fresh)
    }

    static func push(
        _ id: UInt64 = 0x3F2A, _ state: PushView.State = .running, partition: String = "north", envoys: UInt64 = 40,
        asked: UInt64 = 20, succeeded: UInt64 = 12, failed: UInt64 = 1, failures: [PolicyFailureView] = [],
        stopped: String? = nil
    ) throws -> PushView {
        PushView(
            id: PrincipalID(high: id << 48, low: id), partition: try name(partition), state: state, revision: "4f2a01",
            batch: 2, batches: 4, envoys: envoys, asked: asked, succeeded: succeeded, failed: failed,
            failures: failures, thresholdPercent: 90, pauseSeconds: 30, stopped: stopped,
            beganAt: WallTime(milliseconds: 3_000), actor: "operator/ada", reason: "kernel")
    }
}

/// A directory for one test, which removes it.
struct ScratchDirectory {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        path = NSTemporaryDirectory() + "bolt-stack-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, Data(text.utf8)) }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ data: Data) throws {
        let url = URL(filePath: path).appending(path: name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: target)
    }

    /// A stack without fault: a message of the day with a trait, a label and a secret.
    static func stack() throws -> ScratchDirectory {
        try ScratchDirectory([
            "stack.yaml": "stack: web\n",
            "layers/10-base.yaml": """
            layer: base
            vars:
              greeting: hello
            resources:
              - directory: /etc/app
              - file: /etc/motd
                content: "{{vars.greeting}} from {{machine.name}} on {{traits.os}}\\n"
                mode: "0644"
              - file: /etc/app/password
                content: "{{secret:db/password}}"
                requires: [directory:/etc/app]
            """,
            "layers/20-web.yaml": """
            layer: web
            match:
              groups: [web]
            resources:
              - link: /etc/app/current
                target: v2
              - exec: reload
                command: [/bin/true]
                effect: disruptive
            """,
        ])
    }
}
