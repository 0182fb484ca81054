/// Who may use an endpoint: the role of the verified certificate and, for operators, the rank.
public enum Access: Hashable, Sendable {
    /// Anyone, with or without a certificate.
    case anyone
    /// Server-authenticated TLS and a join token in the body; a client certificate gives nothing.
    case tokenHolder
    /// Server-authenticated TLS and a signature of the body under a secret that is shared; a client certificate gives
    /// nothing.
    case secretHolder
    /// An envoy in the roster, for itself alone.
    case envoy
    /// Another bolt of the mesh.
    case bolt
    /// An operator of at least this rank.
    case `operator`(OperatorRank)
}

/// What an operator may do; each rank includes those below it. It is the admission's label `rank`.
public enum OperatorRank: String, Sendable, Codable, CaseIterable, Comparable {
    /// Reads.
    case viewer
    /// Makes tokens, removes envoys, bans.
    case `operator`
    /// Admits and removes bolts and operators.
    case admin

    /// The label of an admission that carries the rank; without it an operator is an `admin`.
    public static let labelKey = "rank"

    /// By what it includes.
    public static func < (left: Self, right: Self) -> Bool { left.level < right.level }

    private var level: Int {
        switch self {
        case .viewer: 0
        case .operator: 1
        case .admin: 2
        }
    }
}
