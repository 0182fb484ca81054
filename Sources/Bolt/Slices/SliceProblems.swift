internal import BoltAPI
internal import Spanner

/// What is refused about slices, by name.
enum SliceProblems {
    /// Nobody reigns here.
    static func noPrimary(_ partition: PartitionName) -> Problem {
        Problem(.noPrimary, "this bolt is not primary of \(partition); nothing was changed")
    }

    /// One task at a time.
    static func taskRuns(_ task: PrincipalID) -> Problem {
        Problem(.taskRuns, "task \(task) still moves slices; nothing was changed")
    }

    /// The same id at two drivers would be two tasks.
    static func drivenElsewhere(_ task: PrincipalID, by driver: String) -> Problem {
        Problem(
            .taskRefused, "task \(task) was asked of \(driver), which drives it or will; it is not begun again",
            next: "ask the same driver again, or make a new plan: boltctl rebalance status \(task)")
    }

    /// It is written, and may be lost with this disk.
    static func notSafe(_ task: PrincipalID) -> Problem {
        Problem(
            .notPaired, "task \(task) is written here, and no standby has it yet", status: 503, changed: true,
            next: "see whether it came to be before trying again: boltctl rebalance status")
    }
}
