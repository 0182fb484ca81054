internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

/// The roll-out of the version in force, as its primary drives it. What it depends on stands in the journal: its
/// record, and for each envoy what it was given and what became of that.
struct RolloutRun: Sendable {
    /// Who is given it when.
    var machine: Rollout
    /// The version that began it.
    let version: UInt64
    /// What that is called.
    let revision: String
    /// When it began, by the primary's clock of then.
    let beganAt: WallTime
    /// Since when an envoy is waited for, in this reign.
    var givenAt: [PrincipalID: ContinuousClock.Instant] = [:]
    /// What failed where, the first of them.
    var failures: [PrincipalID: String] = [:]

    /// A roll-out that nobody was given anything of.
    init(policy: RolloutPolicy, version: PolicyVersion, machines: UInt64) {
        machine = Rollout(policy: policy, machines: machines)
        (self.version, revision, beganAt) = (version.sequence, version.revision, version.at)
    }

    /// Goes on with one of the journal; nil where its record is none. Its envoys are put back by the caller.
    init?(record: [UInt8], version: PolicyVersion, machines: UInt64) {
        var decoder = CanonicalDecoder(record)
        guard let state = (try? decoder.byte()).flatMap({ RolloutState(rawValue: $0) }),
            let forgiven = try? decoder.integer(), let policy = try? RolloutPolicy(from: &decoder),
            (try? decoder.finish()) != nil
        else { return nil }
        machine = Rollout(policy: policy, machines: machines, state: state, forgiven: forgiven)
        (self.version, revision, beganAt) = (version.sequence, version.revision, version.at)
    }

    /// Its state, failures that an operator let pass, its policy.
    var record: [UInt8] {
        var encoder = CanonicalEncoder(capacity: 64)
        encoder.byte(machine.status.state.rawValue)
        encoder.integer(machine.forgivenFailures)
        machine.policy.encode(to: &encoder)
        return encoder.bytes
    }

    /// The record on its way into the journal.
    var command: PartitionCommand { .policy(.rollout(sequence: version, number: 0, record)) }

    /// Notes what failed where.
    mutating func note(failure: String, of envoy: PrincipalID) {
        guard failures.count < APILimits.policyFailuresShown || failures[envoy] != nil else { return }
        failures[envoy] = String(decoding: failure.utf8.prefix(512), as: UTF8.self)
    }

    /// As operators are told. `names` are of envoys that failed, as far as they are known; `heldUp` are those that are
    /// to have the version and for which it cannot be made. What these were given otherwise is not the version.
    func view(names: [PrincipalID: PrincipalName], heldUp: [PrincipalID] = []) -> RolloutView {
        let status = machine.status
        let state: RolloutView.State =
            switch status.state {
            case .running: .running
            case .paused: .paused
            case .halted: .halted
            case .aborted: .aborted
            case .finished: .finished
            }
        let silent = status.silent == 0 ? nil : "\(status.silent) told nothing in time"
        let halted = status.state == .halted ? "\(status.failed) failed, more than max_fail" : nil
        let total = status.waiting + status.given + status.succeeded + status.failed + status.silent
        let strangers = UInt64(heldUp.count { machine.place(of: $0) == nil })
        let mistaken = UInt64(heldUp.count { machine.place(of: $0) == .succeeded })
        return RolloutView(
            revision: revision, version: version, state: state,
            limits: RolloutLimitsView(machine.policy),
            envoys: total + strangers, given: total - status.waiting - mistaken,
            succeeded: status.succeeded - mistaken, failed: status.failed,
            silent: status.silent, heldUp: strangers + mistaken,
            failures: failures.sorted { $0.key < $1.key }.map {
                PolicyFailureView(envoy: $0.key, name: names[$0.key], reason: $0.value)
            }, reason: halted ?? status.reason ?? silent, beganAt: beganAt)
    }
}
