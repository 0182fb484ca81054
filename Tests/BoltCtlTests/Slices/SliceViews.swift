import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// Answers about slices and tasks, made up.
extension Views {
    static let fresh = Freshness(ageSeconds: 0, complete: true, boltsHeard: 1, boltsTotal: 1)

    static func name(_ text: String) throws -> PartitionName { try #require(PartitionName(text)) }

    static func group(_ text: String) throws -> GroupName { try #require(GroupName(text)) }

    static func task(
        _ id: UInt64 = 2, phase: TaskView.Phase = .moving, moves: Int = 400, done: Int = 120, inFlight: Int = 16,
        givenUp: Int = 0, overtaken: Int = 0, left: Double? = 125, paused: Bool = false, reversed: Bool = false,
        cancelled: Bool = false, stuck: [TaskStuckView] = []
    ) throws -> TaskView {
        TaskView(
            id: PrincipalID(high: id << 32, low: id), kind: .rebalance, driver: try name("north"), bolt: "a.north",
            phase: phase, isPaused: paused, isReversed: reversed, isCancelled: cancelled, version: bytes(1),
            plan: bytes(2), beganAt: WallTime(milliseconds: 1_000), actor: "operator/ada", reason: "west joins",
            limits: TaskLimits(slices: 16),
            progress: TaskProgress(
                moves: moves, done: done, inFlight: inFlight, givenUp: givenUp, overtaken: overtaken,
                envoys: 100_000, envoysDone: 30_000, bytes: 4 << 30, bytesDone: 1 << 30, remainingSeconds: left),
            stuck: stuck)
    }

    static func stuck(_ slice: UInt32, since: UInt64 = 0, _ reason: String = "the target is sealed") throws
        -> TaskStuckView
    {
        TaskStuckView(
            move: slice, group: try group("web"), slice: slice, from: try name("north"), to: try name("south"),
            since: WallTime(milliseconds: since), reason: reason)
    }

    static func move(
        _ number: UInt32, owner: String, state: TaskMoveView.State
    ) throws -> TaskMoveView {
        TaskMoveView(
            move: number, group: try group("web"), slice: number, from: try name("north"), to: try name("south"),
            owner: try name(owner), register: bytes(1), envoys: 10, bytes: 100, state: state, attempts: 1, reason: nil)
    }

    /// 6 slices of web: 4 of north, 2 of south.
    static func digest(
        _ bolt: String, primary: Bool = true, registers: UInt8 = 1, root: UInt8 = 1, version: UInt8 = 1,
        north: UInt32 = 4, south: UInt32 = 2, equivocations: Int = 0, holdings: [(HandoffSliceState, UInt32)]? = nil
    ) throws -> SliceDigestResponse {
        let partition = try BoltName.partition(of: bolt)
        let web = try group("web")
        let served = holdings ?? [(.active, partition.text == "north" ? north : south)]
        return SliceDigestResponse(
            bolt: bolt, partition: partition, isPrimary: primary, version: bytes(version),
            groups: [
                .init(
                    name: web, id: GroupID(bytes(root)), slices: 6, root: bytes(root), registers: bytes(registers),
                    owners: [
                        .init(partition: try name("north"), slices: north),
                        .init(partition: try name("south"), slices: south),
                    ], equivocations: equivocations, losers: 0, inert: 0)
            ],
            holdings: served.map { .init(group: web, state: $0.0, slices: $0.1) }, freshness: fresh)
    }

    static func line(_ answer: SliceDigestResponse) -> SliceDigests.Line {
        SliceDigests.Line(address: "h:\(answer.bolt)", bolt: answer.bolt, answer: answer, error: nil)
    }
}
