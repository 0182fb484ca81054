internal import Spanner

extension PolicyTables {
    /// One line for people about a change that was cut off; no content of a stack, a body or a box.
    static func describe(_ change: PolicyChange) -> String {
        switch change {
        case .stack(let part): "part \(part.number) of stack \(part.digest)"
        case .body(let part): "part \(part.number) of body \(part.digest)"
        case .publish(let version): "version \(version.sequence) of the policy put in force by \(version.who)"
        case .leaves(let sequence, let changes): "leaves of \(changes.count) envoys since version \(sequence)"
        case .head(let sequence, _): "head of version \(sequence) of the policy"
        case .given(let envoys, let sequence): "version \(sequence) of the policy given to \(envoys.count) envoys"
        case .outcome(let outcome):
            "version \(outcome.sequence) of the policy \(outcome.hasSucceeded ? "applied" : "failed") at envoy "
                + "\(outcome.envoy)"
        case .rollout(let sequence, let number, _): "record \(number) of the roll-out of version \(sequence)"
        case .push(let id, let number, _): "record \(number) of push \(id)"
        case .ordered(let number): "orders up to \(number)"
        case .freeze(let freeze): "policy \(freeze.isFrozen ? "frozen" : "no longer frozen") by \(freeze.who)"
        case .retire(let sequence): "versions of the policy before \(sequence) removed"
        }
    }
}
