internal import BoltAPI
internal import CRDT
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

    /// Its driver was heard too lately to go on despite it.
    static func driverHeard(_ task: TaskView) -> Problem {
        let seconds = Int(TaskDriver.silenceMin / .seconds(1))
        return Problem(
            .taskRuns,
            "task \(task.id) still moves slices, and a primary of its driver \(task.driver) was heard within the last "
                + "\(seconds) s; nothing was changed", next: "cancel it: boltctl rebalance cancel \(task.id)")
    }

    /// An apply that came to be, and is not the one in force any more: nothing moves for it.
    static func lost(_ apply: Bytes32, _ why: String) -> Problem {
        Problem(
            .topologyMoved, "nothing moves for the apply \(apply.shortHex): \(why)",
            next: "boltctl topology history shows both; make a new plan where it is still wanted: boltctl topology plan"
        )
    }

    /// A task was told something, and its record is not safe yet.
    static func unsettled(_ task: PrincipalID) -> Problem {
        Problem(
            .notPaired, "what task \(task) was told is not safe yet: it may come to be, or be forgotten",
            status: 503, changed: true, next: "look before trying again: boltctl rebalance status \(task)")
    }

    /// It is written, and may be lost with this disk.
    static func notSafe(_ task: PrincipalID) -> Problem {
        Problem(
            .notPaired, "task \(task) is written here, and no standby has it yet", status: 503, changed: true,
            next: "see whether it came to be before trying again: boltctl rebalance status")
    }
}
