/// Paces of a lease. Defaults suit a local network and an engine on solid-state disks.
public struct LeaseSettings: Sendable {
    /// How long a lease lives without being renewed: the time after which a failover may begin.
    public var ttl: Duration = .seconds(5)
    /// Time between renewals; at most a third of the lease.
    public var renewInterval: Duration = .milliseconds(1500)
    /// Time between looks at who has it, for those who have not.
    public var pollInterval: Duration = .milliseconds(250)
    /// Bound of the random wait before a standby takes a lease that became free.
    public var campaignJitter: Duration = .milliseconds(50)
    /// Bound of one request, with all endpoints that it tries.
    public var requestTimeout: Duration = .milliseconds(1500)
    /// Longest time between tries while the engine does not answer.
    public var retryMax: Duration = .seconds(2)
    /// Time between campaigns at an engine that refused one.
    public var refusalInterval: Duration = .seconds(30)

    /// The defaults.
    public init() {}

    /// Which relations between settings do not hold: text for people, empty where all do.
    public var violations: [String] {
        var found: [String] = []
        if ttl < .seconds(1) { found.append("the lease must be at least 1 s") }
        if ttl > .seconds(600) { found.append("the lease must be at most 10 min") }
        if renewInterval <= .zero || renewInterval * 3 > ttl {
            found.append("the renew interval must be positive and at most a third of the lease")
        }
        if requestTimeout <= .zero || requestTimeout + renewInterval >= ttl {
            found.append("the request timeout and the renew interval together must be shorter than the lease")
        }
        if pollInterval < .milliseconds(10) { found.append("the poll interval must be at least 10 ms") }
        if campaignJitter < .zero || campaignJitter > ttl {
            found.append("the campaign jitter must be between zero and the lease")
        }
        if retryMax < pollInterval { found.append("the longest retry must not be shorter than the poll interval") }
        if refusalInterval < pollInterval {
            found.append("the refusal interval must not be shorter than the poll interval")
        }
        return found
    }
}
