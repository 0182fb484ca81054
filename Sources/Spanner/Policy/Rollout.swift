/// Which machines are given a new version now: no clock, disk or socket inside.
///
/// Machines whose leaf changed are offered to it. It gives them the version in the order in which they were offered,
/// those offered together by id, never more at a time, and never leaving fewer standing, than its policy says. A
/// machine that it gave the version counts as at it from the effect on, so that no crash between the effect and its
/// record gives too many; what it was given is for the shell to keep durably before the machine is told. Who is not
/// given it keeps the version before, which stays valid.
public struct Rollout: Sendable {
    /// The policy of the version.
    public let policy: RolloutPolicy
    private var state: RolloutState
    private var machines: UInt64
    /// Read by key alone.
    private var places: [PrincipalID: RolloutPlace] = [:]
    private var counts: [UInt64] = Array(repeating: 0, count: RolloutPlace.allCases.count + 1)
    /// Those that wait, in order, from `next` on; with some that do not wait any more.
    private var queue: [PrincipalID] = []
    private var next = 0
    /// Failures that an operator let pass when the roll-out went on.
    private var forgiven: UInt64
    /// Whether the last thing said of a wait was that too few would stand.
    private var saidHeld = false

    /// A roll-out of a version in a partition of so many machines. `state` and `forgiven` are as a record has them that
    /// a roll-out left; the machines are then put back by `restore(_:)`.
    public init(
        policy: RolloutPolicy, machines: UInt64, state: RolloutState = .running, forgiven: UInt64 = 0
    ) {
        (self.policy, self.machines, self.state, self.forgiven) = (policy, machines, state, forgiven)
    }

    /// What happened outside.
    public enum Event: Hashable, Sendable {
        /// These machines are to have the version. Who is known already stays where it is.
        case offered([PrincipalID])
        /// Answers `Effect.give`: it is durable that these were given the version. One that was given it in another
        /// way is at it from now on.
        case given([PrincipalID])
        /// A pass of a machine under the version succeeded.
        case succeeded(PrincipalID)
        /// A pass of a machine under the version failed.
        case failed(PrincipalID)
        /// A machine that was given the version was not heard of for too long.
        case silent(PrincipalID)
        /// A machine is not of the partition any more. The number of machines is told by `fleet`.
        case gone(PrincipalID)
        /// So many machines the partition has now.
        case fleet(UInt64)
        /// An operator holds it.
        case pause
        /// An operator lets it go on. After a halt the failures so far are let pass.
        case resume
        /// An operator ends it.
        case abort
    }

    /// What is to be done outside, in this order.
    public enum Effect: Hashable, Sendable {
        /// Give these the version, at most `PolicyLimits.giveMax`; answered by `given`.
        case give([PrincipalID])
        /// It gives nobody else the version until an operator lets it: so many machines failed.
        case halted(failed: UInt64)
        /// It is done with everybody.
        case finished
        /// Something to be told.
        case notify(Notification)
    }

    /// For the shell to log and show.
    public enum Notification: Hashable, Sendable {
        /// Machines wait, and nobody is at it: fewer would stand than have to.
        case held(standing: UInt64, needed: UInt64)
        /// What an operator asked does not fit the state: nothing changed.
        case unfit(RolloutState)
        /// The state is another one.
        case changed(RolloutState)
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        switch event {
        case .offered(let envoys): return offer(envoys)
        case .given(let envoys):
            let new = envoys.filter { place(of: $0) == nil || place(of: $0) == .waiting }
            for envoy in new { move(envoy, to: .given) }
            // It is not done with who was given it in another way, and has told nothing yet.
            guard state == .finished, !new.isEmpty else { return goOn() }
            state = .running
            return [.notify(.changed(.running))] + goOn()
        case .succeeded(let envoy): return hear(envoy, .succeeded)
        case .failed(let envoy): return hear(envoy, .failed)
        case .silent(let envoy):
            guard place(of: envoy) == .given else { return [] }
            move(envoy, to: .silent)
            return goOn()
        case .gone(let envoy):
            move(envoy, to: nil)
            return goOn()
        case .fleet(let count):
            machines = count
            return goOn()
        case .pause: return control(.paused, from: [.running])
        case .resume:
            if state == .halted { forgiven = count(.failed) }
            return control(.running, from: [.paused, .halted])
        case .abort: return control(.aborted, from: [.running, .paused, .halted])
        }
    }

    /// Puts machines back where a record has them, before the first event.
    public mutating func restore(_ machines: [(PrincipalID, RolloutPlace)]) {
        for (envoy, place) in machines { move(envoy, to: place) }
        queue = machines.filter { $0.1 == .waiting }.map(\.0).sorted()
        next = 0
    }

    /// Where a machine is; nil where it is not part of the roll-out.
    public func place(of envoy: PrincipalID) -> RolloutPlace? { places[envoy] }

    /// Failures that were let pass: kept with the state in its record.
    public var forgivenFailures: UInt64 { forgiven }

    /// The numbers.
    public var status: RolloutStatus {
        var status = RolloutStatus(state: state, machines: machines)
        (status.waiting, status.given, status.succeeded) = (count(.waiting), count(.given), count(.succeeded))
        (status.failed, status.silent) = (count(.failed), count(.silent))
        guard state == .running, status.waiting > 0 else { return status }
        if count(.given) >= policy.maxConcurrent ?? .max {
            status.reason = "\(count(.given)) machines are at it, and max_concurrent is that many"
        } else if !leavesEnough {
            status.reason = "\(standing) machines stand, and min_standing is \(policy.minStanding)"
        }
        return status
    }

    // MARK: - Inside

    private func count(_ place: RolloutPlace) -> UInt64 { counts[Int(place.rawValue)] }

    /// Machines that are neither at it, nor failed, nor silent.
    private var standing: UInt64 {
        let away = count(.given) + count(.failed) + count(.silent)
        return machines > away ? machines - away : 0
    }

    /// Whether enough stand where one more is at it.
    private var leavesEnough: Bool { standing > policy.minStanding }

    private mutating func move(_ envoy: PrincipalID, to place: RolloutPlace?) {
        if let before = places[envoy] { counts[Int(before.rawValue)] -= 1 }
        places[envoy] = place
        if let place { counts[Int(place.rawValue)] += 1 }
    }

    private mutating func offer(_ envoys: [PrincipalID]) -> [Effect] {
        let new = envoys.sorted().filter { envoy in
            guard places[envoy] == nil else { return false }
            move(envoy, to: .waiting)
            return true
        }
        guard !new.isEmpty else { return goOn() }
        queue.removeFirst(next)
        next = 0
        queue.append(contentsOf: new)
        guard state == .finished else { return goOn() }
        state = .running
        return [.notify(.changed(.running))] + goOn()
    }

    private mutating func hear(_ envoy: PrincipalID, _ place: RolloutPlace) -> [Effect] {
        // Who waits cannot have had a pass under the version; who is unknown is none of this roll-out's.
        guard let before = self.place(of: envoy), before != .waiting, before != place else { return [] }
        move(envoy, to: place)
        if before == .failed, forgiven > 0 { forgiven -= 1 }
        guard state == .running || state == .paused else { return [] }
        let failed = count(.failed) > forgiven ? count(.failed) - forgiven : 0
        if failed > policy.maxFail {
            state = .halted
            return [.halted(failed: count(.failed)), .notify(.changed(.halted))]
        }
        return goOn()
    }

    private mutating func control(_ wanted: RolloutState, from: [RolloutState]) -> [Effect] {
        guard from.contains(state) else { return [.notify(.unfit(state))] }
        state = wanted
        return [.notify(.changed(wanted))] + goOn()
    }

    private mutating func goOn() -> [Effect] {
        guard state == .running else { return [] }
        var effects: [Effect] = []
        var batch: [PrincipalID] = []
        while count(.given) < policy.maxConcurrent ?? .max, leavesEnough, let envoy = nextWaiting() {
            move(envoy, to: .given)
            batch.append(envoy)
            if batch.count == PolicyLimits.giveMax {
                effects.append(.give(batch))
                batch = []
            }
        }
        if !batch.isEmpty { effects.append(.give(batch)) }
        let isHeld = count(.waiting) > 0 && count(.given) == 0
        if isHeld, !saidHeld { effects.append(.notify(.held(standing: standing, needed: policy.minStanding))) }
        saidHeld = isHeld
        if count(.waiting) == 0, count(.given) == 0 {
            state = .finished
            effects += [.finished, .notify(.changed(.finished))]
        }
        return effects
    }

    private mutating func nextWaiting() -> PrincipalID? {
        while next < queue.count {
            let envoy = queue[next]
            next += 1
            if places[envoy] == .waiting { return envoy }
        }
        return nil
    }
}
