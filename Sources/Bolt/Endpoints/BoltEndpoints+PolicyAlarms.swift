internal import BoltAPI
internal import Spanner

/// What an operator should look at in the policy of this bolt's partition, each with the next command.
extension BoltEndpoints {
    /// Alarms of this bolt as its partition's primary; none at any other bolt.
    func policyAlarms() async -> [Alarm] {
        let alarms = await policy.read { $0.alarms() }
        let source = await source.status()
        guard await policy.read({ $0.reign != nil }) else { return [] }
        return alarms + source.alarms
    }
}

extension StatusResponse {
    /// Adds alarms that are not of the roster or the partitions.
    mutating func add(alarms more: [Alarm]) {
        alarms += more
        if verdict == .healthy, !alarms.isEmpty { verdict = .degraded }
    }
}

extension PolicyService {
    /// What keeps envoys from getting the policy that they should have.
    func alarms() -> [Alarm] {
        guard let reign else { return [] }
        let next = "boltctl stack status --partition \(name)"
        var alarms: [Alarm] = []
        if let hold {
            alarms.append(
                Alarm(
                    code: "policy_held", severity: .warning,
                    text: "no new version of the policy of \(name) is made: \(hold)", next: next))
        }
        if let rejected {
            alarms.append(
                Alarm(
                    code: "policy_rejected", severity: .warning,
                    text: "revision \(rejected.revision) of the policy of \(name) was not taken: "
                        + (rejected.faults.first.map { "\($0.place): \($0.reason)" } ?? rejected.reason),
                    next: next))
        }
        if !reign.troubles.isEmpty {
            let first = reign.troubles.min { $0.key < $1.key }
            alarms.append(
                Alarm(
                    code: "policy_withheld", severity: .warning,
                    text: "\(Plural.text(reign.troubles.count, "envoy")) of \(name) keep an earlier policy, the first "
                        + "\(first.map { "\(memberName($0.key)): \($0.value)" } ?? "")",
                    next: next))
        }
        if let status = reign.rollout?.machine.status, status.state == .halted {
            alarms.append(
                Alarm(
                    code: "rollout_halted", severity: .critical,
                    text: "the roll-out of \(reign.rollout?.revision ?? "the policy") in \(name) stopped itself: "
                        + "\(Plural.text(Int(clamping: status.failed), "envoy")) failed",
                    next: next))
        }
        return alarms
    }
}
