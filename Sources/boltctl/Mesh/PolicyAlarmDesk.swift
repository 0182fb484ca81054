import BoltAPI
import Spanner

/// Brings the alarms of all partitions' policy together: only its primary knows what keeps a partition's envoys from
/// the policy that they are to have.
struct PolicyAlarmDesk {
    /// What one bolt answered.
    let status: StatusResponse
    /// Whether that bolt was named on the command line: then nobody else is asked.
    let isNamed: Bool

    /// Partitions whose primary did not answer itself, with where that is; nil where none is known, or it was not heard
    /// lately: nobody waits for it.
    var others: [(partition: PartitionName, primary: String?)] {
        status.partitions.filter { $0.primary != status.bolt }.map { partition in
            let primary = status.bolts.first { $0.fullName == partition.primary && $0.reach == .alive }
            return (partition.name, primary?.address)
        }
    }

    /// The answer with what the other primaries say of policy; who is not asked, or does not answer, is told.
    func whole(
        asking ask: (_ address: String) async throws -> StatusResponse, tell: (String) -> Void = { Console.note($0) }
    ) async throws -> StatusResponse {
        var (whole, silent) = (status, [String]())
        for (partition, address) in others {
            guard !isNamed, let address else {
                silent.append(partition.text)
                continue
            }
            do {
                let answer = try await ask(address)
                whole.alarms += answer.alarms.filter { Self.isOfPolicy($0) && !whole.alarms.contains($0) }
            } catch {
                try Task.checkCancellation()
                silent.append(partition.text)
            }
        }
        if whole.verdict == .healthy, !whole.alarms.isEmpty { whole.verdict = .degraded }
        if !silent.isEmpty {
            tell(
                "the policy of \(silent.joined(separator: ", ")) was not asked for: alarms of it are not shown; "
                    + "boltctl stack status")
        }
        return whole
    }

    /// Whether an alarm is of a partition's policy.
    static func isOfPolicy(_ alarm: Alarm) -> Bool {
        alarm.code.hasPrefix("policy_") || alarm.code.hasPrefix("rollout_")
    }
}
