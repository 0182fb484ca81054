import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// Follows the roll-out of one version.
typealias RolloutFollower = PolicyFollower<StackStatusResponse>

/// Whether, and how long, a roll-out is followed.
struct StackFollowOptions: ParsableArguments {
    @Flag(
        name: .long,
        help: "Follow the roll-out and tell how far it is; 0 where all machines have it. Ctrl-c leaves it running.")
    var wait = false

    @Option(name: .long, help: "Seconds to follow it. Default: as long as it takes.")
    var timeout: Double?

    /// Refuses bad values before anybody is asked.
    func check() throws {
        guard timeout.map({ $0 > 0 && $0 <= 604_800 }) ?? true else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 604800 seconds", status: .usage)
        }
        guard wait || timeout == nil else {
            throw CommandFailure(
                "bad_timeout", "--timeout says how long to wait, and nothing is waited for", next: "add --wait",
                status: .usage)
        }
    }

    /// Follows the roll-out of a version.
    func follow(_ version: UInt64, of partition: PartitionName, _ desk: StackDesk) async throws -> RolloutFollower.End {
        Console.note(
            "version \(version) is on its way; ctrl-c leaves it. watch it: boltctl stack status --partition "
                + "\(partition)")
        let follower = RolloutFollower(
            what: "the roll-out of \(partition)", timeout: timeout,
            look: { try await desk.status(of: partition) },
            isEnd: { Self.isEnd($0, of: version) },
            line: { status in status.rollout.map { "roll-out \(StackText.rollout($0))" } ?? "no roll-out yet" })
        return try await follower.follow(from: nil)
    }

    /// Whether nothing more is to be waited for: it is over or held, or another version came after it.
    static func isEnd(_ status: StackStatusResponse, of version: UInt64) -> Bool {
        guard let rollout = status.rollout, rollout.version >= version else { return false }
        if rollout.version > version { return true }
        return rollout.state == .finished ? rollout.underway == 0 : rollout.state != .running
    }
}

/// How a command ends that has followed a roll-out.
struct RolloutOutcome {
    /// The roll-out as it was seen last; nil where none was.
    let rollout: RolloutView?
    /// How the command ends; nil where all is done.
    let status: ExitStatus?
    /// For standard error: why it ends so, and what to do.
    let notes: [String]

    init(_ end: RolloutFollower.End, of partition: PartitionName) {
        rollout = end.view?.rollout
        let watch = "watch it: boltctl stack status --partition \(partition)"
        let seen = rollout.map { StackText.rollout($0) } ?? "not seen yet"
        switch end {
        case .late: (status, notes) = (.running, ["still on its way: \(seen)", watch])
        case .detached: (status, notes) = (.running, ["left running: \(seen)", watch])
        case .ended(let view): (status, notes) = Self.ended(view, seen, partition)
        }
    }

    private static func ended(
        _ view: StackStatusResponse, _ seen: String, _ partition: PartitionName
    ) -> (ExitStatus?, [String]) {
        let rollout = view.rollout
        switch rollout?.state {
        case .finished where rollout.map { $0.succeeded == $0.envoys } == true: return (nil, [])
        case .finished where rollout?.failed == 0:
            let why = view.hold.map { ["held up: \($0)"] } ?? []
            return (
                .error,
                ["not all machines have it: roll-out \(seen)"] + why + [
                    "watch it: boltctl stack status --partition \(partition)"
                ]
            )
        case .finished, .halted:
            let failures = rollout.map { StackText.failures($0.failures, of: $0.failed) } ?? []
            return (
                .error,
                ["roll-out \(seen)"] + failures + [
                    "next: boltctl stack rollback --partition \(partition); or mend it and go on: "
                        + "boltctl stack rollout resume --partition \(partition)"
                ]
            )
        case .paused:
            return (
                .running,
                ["roll-out \(seen)", "next: boltctl stack rollout resume --partition \(partition)"]
            )
        case .aborted: return (.error, ["roll-out \(seen)"])
        case .running, nil:
            return (.running, ["another version came after it: \(seen)", "watch it: boltctl stack status"])
        }
    }

    /// Says the notes, and ends the command where all is not done.
    func conclude() throws {
        for note in notes { Console.note(note) }
        if let status { throw ExitCode(status.rawValue) }
    }
}
