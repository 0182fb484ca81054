import ChaosKit

/// How long there is trouble in each scenario, so that all of them take the time that was given: starting a mesh,
/// healing it and reading its disks counts too.
struct TimeShares {
    private let scenarios: [NemesisPlan.Scenario]
    private var left: Double
    private var planned = 0.0
    /// What a scenario took beside its trouble; at first as on a machine of two cores.
    private var around = 30.0

    private static let (secondsMin, secondsMax) = (15.0, 300.0)
    /// One long run of agents is worth more than several: whose queues grow is what it looks at.
    private static let agentSecondsMax = 3600.0

    /// The time for all of them.
    init(_ scenarios: [NemesisPlan.Scenario], seconds: Double) { (self.scenarios, left) = (scenarios, seconds) }

    /// How much trouble a scenario is given, as against the others.
    private static func weight(_ scenario: NemesisPlan.Scenario) -> Double {
        switch scenario {
        case .kill, .split, .disk: 1
        case .clock, .switchover: 0.75
        case .pause, .rot, .empty, .rebalance, .results: 1.75
        case .etcd: 2.75
        }
    }

    /// Seconds of trouble of the next one; `turn` counts those before it.
    mutating func next(_ turn: Int) -> Double {
        let rest = turn < scenarios.count ? scenarios[turn...] : [scenarios[turn % scenarios.count]]
        let weights = rest.reduce(0) { $0 + TimeShares.weight($1) }
        let free = max(0, left - around * Double(rest.count))
        let scenario = scenarios[turn % scenarios.count]
        let most = scenario == .results ? TimeShares.agentSecondsMax : TimeShares.secondsMax
        planned = min(max(TimeShares.secondsMin, free * TimeShares.weight(scenario) / weights), most)
        return planned
    }

    /// What the last one took in all.
    mutating func took(_ seconds: Double) {
        left -= seconds
        around = (around + max(0, seconds - planned)) / 2
    }

    /// Whether there is time for another one after all were there once.
    var hasRoom: Bool { left > around + TimeShares.secondsMin * 2 }
}
