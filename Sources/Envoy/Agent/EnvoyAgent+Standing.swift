internal import BoltAPI
internal import Logging
internal import Spanner

extension EnvoyAgent {
    /// How old the policy in force is by now, told when that changes: early, when it is too old, with what is done
    /// then, and that it is over.
    func tellStanding() {
        if let desk { tellStanding(at: desk.work.now()) }
    }

    /// The same, at an instant of this machine's clock.
    func tellStanding(at now: WallTime) {
        guard let sight = desk?.sight else { return }
        let (before, standing) = (toldStanding, sight.standing(now: now))
        guard standing != before else { return }
        toldStanding = standing
        var facts: Logger.Metadata = ["standing": "\(standing.words)"]
        if let since = sight.since { facts["owner.heard"] = "\(TimeText.text(milliseconds: since.milliseconds))" }
        switch standing {
        case .aging:
            logger.warning("the policy grows old: its owner was not heard for long", metadata: facts)
        case .expired(let expiry):
            facts["then"] = "\(Self.then(expiry))"
            logger.warning("the policy is too old: its owner was not heard for longer than it allows", metadata: facts)
        case .ageUnknown:
            logger.warning(
                "the clock stands before what the owner said last: the policy's age is not known", metadata: facts)
        case .fresh where before != .none:
            logger.notice("the policy is fresh again", metadata: facts)
        case .none, .fresh: break
        }
    }

    /// What is done with a policy that is too old.
    private static func then(_ expiry: PolicyExpiry) -> String {
        switch expiry {
        case .enforceLast: "it is applied as before"
        case .enforceSafe: "it is applied but for what is disruptive"
        case .stop: "nothing of it is applied until the owner is heard"
        }
    }
}
