internal import BoltAPI
internal import Policy
internal import Spanner

/// What operators are told about policy, each with the next command.
enum PolicyProblems {
    /// This bolt does not reign, or not yet.
    static func noReign(_ partition: PartitionName) -> Problem {
        Problem(
            .noPrimary, "this bolt does not serve the policy of partition \(partition) now; nothing was changed",
            next: "boltctl partition show \(partition)")
    }

    /// It is in the journal, and what this bolt worked with was given up meanwhile.
    static func readAgain(_ partition: PartitionName) -> Problem {
        Problem(
            .noPrimary, "it is written; this bolt reads the policy of partition \(partition) again", changed: true,
            next: "see what came of it: boltctl stack status --partition \(partition)")
    }

    /// The stack has faults.
    static func invalid(_ faults: StackFaults) -> Problem {
        let shown = faults.faults.prefix(APILimits.stackFaultsShown).map(\.description).joined(separator: "\n")
        let more = faults.faults.count + faults.omitted - min(faults.faults.count, APILimits.stackFaultsShown)
        return Problem(.invalidStack, shown + (more > 0 ? "\nand \(more) more" : ""))
    }

    /// Nothing was published yet.
    static func noStack(_ partition: PartitionName) -> Problem {
        Problem(.noStack, "nothing was published in partition \(partition) yet")
    }

    /// No such push.
    static func noPush(_ push: PrincipalID, _ partition: PartitionName) -> Problem {
        Problem(
            .notFound, "partition \(partition) knows no push \(push)",
            next: "boltctl stack status --partition \(partition)")
    }

    /// Another revision is in force than was expected.
    static func moved(_ expected: String, _ inForce: String?) -> Problem {
        let now = inForce.map { "\($0) is in force" } ?? "nothing is in force"
        return Problem(.stackMoved, "\(now), not \(expected.isEmpty ? "nothing" : expected); nothing was changed")
    }

    /// New versions are held back.
    static func frozen(_ freeze: PolicyFreeze, _ partition: PartitionName) -> Problem {
        Problem(
            .stackFrozen,
            "\(freeze.who) froze the stack of partition \(partition)"
                + (freeze.reason.isEmpty ? "" : ": \(freeze.reason)") + "; nothing was changed",
            next: "let it go on: boltctl stack unfreeze --partition \(partition)")
    }
}

extension StackFaultView {
    /// A fault as the API tells it.
    init(_ fault: StackFault) {
        self.init(
            code: fault.code.rawValue, file: fault.file, line: fault.line, reason: fault.reason, next: fault.next)
    }
}
