public import Spanner

/// A bolt is to serve nobody, or to serve again: `POST /v1/bolts/{bolt}/drain`, `POST /v1/bolts/{bolt}/undrain`.
///
/// A drained bolt hands over being primary, is not chosen again, leaves the lists that envoys are given, and fails
/// readiness; it stays a standby. It survives a restart. Asked twice it is done once.
public struct DrainBoltRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's: the switchover, where one is needed, has the same id.
    public var operation: OperationID
    /// Why, for the audit log.
    public var reason: String

    /// A drain, or its end.
    public init(operation: OperationID, reason: String) { (self.operation, self.reason) = (operation, reason) }
}

/// A bolt was drained or undrained, or on a dry run would be.
public struct DrainBoltResponse: Hashable, Sendable, Codable {
    /// Which, `name.partition`.
    public var bolt: String
    /// Whether it is drained now; on a dry run, whether it would be.
    public var isDrained: Bool
    /// Who is primary of its partition afterwards, `name.partition`, as far as is known.
    public var primary: String?
    /// Bolts of its partition that may still become primary: in sync, unsealed and not drained.
    public var candidates: [String]
    /// Envoys that it still serves.
    public var envoys: Int
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A drain.
    public init(
        bolt: String, isDrained: Bool, primary: String?, candidates: [String], envoys: Int, level: AckLevel,
        dryRun: Bool, effects: [String]
    ) {
        (self.bolt, self.isDrained, self.primary, self.candidates) = (bolt, isDrained, primary, candidates)
        (self.envoys, self.level, self.dryRun, self.effects) = (envoys, level, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case bolt, primary, candidates, envoys, level, effects
        case isDrained = "drained"
        case dryRun = "dry_run"
    }
}
