import CRDT
import Spanner
import Testing

/// One lease machine and the hand that answers it.
struct LeaseStage {
    var machine: LeaseMachine
    /// The effects of the last step.
    var last: [LeaseMachine.Effect] = []
    /// What was asked and not answered.
    var asked: (id: LeaseRequestID, request: LeaseRequest)?
    /// Timers by how long they were set for, the youngest last.
    var timers: [(id: TimerID, after: Duration)] = []

    static let settings: LeaseSettings = {
        var settings = LeaseSettings()
        settings.campaignJitter = .zero
        return settings
    }()

    static func bolt(_ number: UInt64) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (number, 0, 0, 0)), incarnation: number)
    }

    static func token(_ number: UInt64) -> LeaseToken { LeaseToken(lease: number, created: number) }

    static func view(_ revision: UInt64, holder: UInt64? = nil, cluster: UInt64 = 1) -> LeaseView {
        LeaseView(
            mark: LeaseMark(cluster: cluster, revision: revision),
            holder: holder.map { LeaseHolder(who: bolt($0), token: token($0)) })
    }

    /// Bolt 1, started; its first look is on its way.
    init(_ role: LeaseRole = .standby) {
        machine = LeaseMachine(me: Self.bolt(1), settings: Self.settings, seed: 1)
        step(.role(role))
        step(.started)
    }

    mutating func step(_ event: LeaseMachine.Event) {
        last = machine.step(event)
        for effect in last {
            switch effect {
            case .ask(let id, let request, _): asked = (id, request)
            case .schedule(let timer, let after): timers.append((timer, after))
            case .standing, .tryPromotion, .notify, .stopped: break
            }
        }
    }

    mutating func answer(_ answer: LeaseAnswer) {
        guard let asked else { return }
        self.asked = nil
        step(.answered(asked.id, answer))
    }

    mutating func fail(_ failure: LeaseFailure = .unreachable("gone")) {
        guard let asked else { return }
        self.asked = nil
        step(.failed(asked.id, failure))
    }

    /// Fires the youngest timer that was set for this long.
    mutating func fire(_ after: Duration) {
        guard let index = timers.lastIndex(where: { $0.after == after }) else {
            Issue.record("no timer of \(after): \(timers)")
            return
        }
        step(.timerFired(timers.remove(at: index).id))
    }

    /// A standby that has won the lease.
    static func winner() -> LeaseStage {
        var stage = LeaseStage()
        stage.answer(.observed(view(5, holder: 2)))
        stage.fire(settings.pollInterval)
        stage.answer(.observed(view(6)))
        stage.fire(.zero)
        stage.answer(.granted(token(7), ttl: settings.ttl, view(7).mark))
        return stage
    }

    var tries: [LeaseToken] {
        last.compactMap { effect in if case .tryPromotion(let token) = effect { token } else { nil } }
    }
}
