internal import BoltAPI

extension PolicySourceStatus {
    /// What an operator should look at; the last good revision stays in force all the while.
    var alarms: [Alarm] {
        guard let words else { return [] }
        var alarms: [Alarm] = []
        if isStale {
            alarms.append(
                Alarm(
                    code: "policy_source_stale", severity: .warning,
                    text: "no good look at \(words) for \(ageSeconds) s: what was in force stays so",
                    next: "boltctl stack status; see whether the source is there"))
        }
        if let error {
            let revision = error.revision.map { "revision \($0) of " } ?? ""
            alarms.append(
                Alarm(
                    code: "policy_source_broken", severity: .warning,
                    text: "\(revision)\(words) is not taken: \(error.reason) [\(error.code)]",
                    next: "correct the source: it is looked at again by itself"))
        }
        return alarms
    }
}
