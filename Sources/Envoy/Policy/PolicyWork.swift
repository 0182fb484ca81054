public import BoltAPI
public import Identity
public import Policy
internal import Spanner

/// Puts a policy in force on a machine, or looks what that would change.
public protocol PolicyEnforcer: Sendable {
    /// Whether nothing is changed on the machine.
    var isDryRun: Bool { get }
    /// Makes one pass; with `safeOnly`, disruptive resources have to wait. The report names every resource, and shows
    /// none of the `secrets` that went into them. Fails with what kept the pass from being made; nothing was changed
    /// then.
    func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble>
}

/// What an agent does with the policy that it is given.
public struct PolicyWork: Sendable {
    /// The machine, as it knew itself when it was enrolled; what the roster says of it by now comes with check-ins.
    public var machine: StandingFacts
    /// Opens what was sealed for it.
    public var sealingKey: SealingKey
    /// Does it.
    public var enforcer: any PolicyEnforcer
    /// Where passes are noted for people; nil notes none.
    public var log: PassLog?
    /// How long after it was heard an owner counts as there.
    var window: Duration = .seconds(Int64(PolicyLimits.beaconValidSeconds))
    /// This machine's clock.
    var now: @Sendable () -> WallTime = { .now() }

    /// Work of a machine.
    public init(
        machine: StandingFacts, sealingKey: SealingKey, enforcer: any PolicyEnforcer, log: PassLog? = nil
    ) {
        (self.machine, self.sealingKey, self.enforcer, self.log) = (machine, sealingKey, enforcer, log)
    }
}
