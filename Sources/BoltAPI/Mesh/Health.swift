/// How a bolt is, for load balancers and people: `GET /v1/health`. The HTTP status is the contract, this is the reason.
public struct HealthResponse: Hashable, Sendable, Codable {
    /// What a bolt can be.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Takes everything: status 200.
        case active
        /// Follows a primary and is in sync: 429.
        case standby
        /// Follows a primary and is not in sync: it is catching up, or the primary went on without it: 473.
        case behind
        /// A standby that hears no primary, or seeks to be one: 474.
        case orphaned
        /// Shut out of new work by an operator: 472.
        case maintenance
        /// Has no identity or no roster yet: 501.
        case notInitialised = "not_initialised"
        /// Its partition was never founded, or it was not taken in yet: 501.
        case waiting
        /// Sealed: it holds its partition's keyring and no key: 503.
        case sealed
        /// Starting, or waiting for a first exchange with a peer after a restore: 503.
        case starting
        /// Shutting down: 503.
        case draining
        /// Removed from the mesh, or banned: 530.
        case removed
        /// Serves nothing of its partition: its disk was taken out, rots, or contradicts what was safe: 530.
        case fenced

        /// The HTTP status of this state, before any mapping by query.
        public var httpStatus: Int {
            switch self {
            case .active: 200
            case .standby: 429
            case .maintenance: 472
            case .behind: 473
            case .orphaned: 474
            case .notInitialised, .waiting: 501
            case .sealed, .starting, .draining: 503
            case .removed, .fenced: 530
            }
        }
    }

    /// The state that decided the status.
    public var state: State
    /// The bolt, `name.partition`; nil before it has an identity.
    public var bolt: String?
    /// The program's version.
    public var version: String
    /// Why, in words, where it is not simply active.
    public var reasons: [String]

    /// A bolt's health.
    public init(state: State, bolt: String?, version: String, reasons: [String]) {
        (self.state, self.bolt, self.version, self.reasons) = (state, bolt, version, reasons)
    }
}
