public import Spanner

/// How often, and where, a token admits.
public enum TokenKind: String, Sendable, Codable, CaseIterable {
    /// Once, at its home partition.
    case oneShot = "one_shot"
    /// Several times, at any bolt.
    case multiUse = "multi_use"
}

/// A join token is made: `POST /v1/tokens`.
public struct CreateTokenRequest: Hashable, Sendable, Codable {
    /// How often and where.
    public var kind: TokenKind
    /// Admissions of a multi-use token: `1...APILimits.tokenUsesMax`; 1 for a one-shot one.
    public var uses: UInt32
    /// Its life from now: `1...APILimits.tokenExpiresSecondsMax`.
    public var expiresSeconds: UInt64
    /// Home of a one-shot token; the answering bolt's partition where nil.
    public var home: PartitionName?
    /// Group of those admitted.
    public var group: GroupName?
    /// Labels of those admitted.
    public var labels: [String: String]

    /// A token to be made.
    public init(
        kind: TokenKind, uses: UInt32, expiresSeconds: UInt64, home: PartitionName? = nil, group: GroupName?,
        labels: [String: String]
    ) {
        (self.kind, self.uses, self.expiresSeconds) = (kind, uses, expiresSeconds)
        (self.home, self.group, self.labels) = (home, group, labels)
    }

    enum CodingKeys: String, CodingKey {
        case kind, uses, home, group, labels
        case expiresSeconds = "expires_seconds"
    }
}

/// A token was made, or on a dry run would be. The token's text is told this once and is kept nowhere.
public struct CreateTokenResponse: Hashable, Sendable, Codable {
    /// Which token; nil on a dry run.
    public var id: TokenID?
    /// The whole token as a machine is given it; nil on a dry run. A secret: never logged.
    public var token: String?
    /// The mesh that the token pins.
    public var meshID: MeshID
    /// Where to enrol, `host:port`, nearest first.
    public var addresses: [String]
    /// When it ends.
    public var expiresAt: WallTime
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool

    /// A token's parts.
    public init(
        id: TokenID?, token: String?, meshID: MeshID, addresses: [String], expiresAt: WallTime,
        level: AckLevel, dryRun: Bool
    ) {
        (self.id, self.token, self.meshID, self.addresses) = (id, token, meshID, addresses)
        (self.expiresAt, self.level, self.dryRun) = (expiresAt, level, dryRun)
    }

    enum CodingKeys: String, CodingKey {
        case id, token, addresses, level
        case meshID = "mesh_id"
        case expiresAt = "expires_at_ms"
        case dryRun = "dry_run"
    }
}

/// A token as the roster knows it, without its secret.
public struct TokenView: Hashable, Sendable, Codable {
    /// Which token.
    public var id: TokenID
    /// How often and where.
    public var kind: TokenKind
    /// Home of a one-shot token.
    public var home: PartitionName?
    /// Admissions that it gives.
    public var uses: UInt32
    /// Admissions that it gave; above `uses` after an overrun in a network split.
    public var used: UInt32
    /// When it ends.
    public var expiresAt: WallTime
    /// Whether it was revoked.
    public var revoked: Bool
    /// Group of those admitted.
    public var group: GroupName?
    /// Labels of those admitted.
    public var labels: [String: String]

    /// A token as the roster knows it.
    public init(
        id: TokenID, kind: TokenKind, home: PartitionName?, uses: UInt32, used: UInt32, expiresAt: WallTime,
        revoked: Bool, group: GroupName?, labels: [String: String]
    ) {
        (self.id, self.kind, self.home, self.uses, self.used) = (id, kind, home, uses, used)
        (self.expiresAt, self.revoked, self.group, self.labels) = (expiresAt, revoked, group, labels)
    }

    enum CodingKeys: String, CodingKey {
        case id, kind, home, uses, used, revoked, group, labels
        case expiresAt = "expires_at_ms"
    }
}

/// `GET /v1/tokens`.
public struct TokensResponse: Hashable, Sendable, Codable {
    /// By id.
    public var tokens: [TokenView]
    /// Age and completeness.
    public var freshness: Freshness

    /// Tokens of the roster.
    public init(tokens: [TokenView], freshness: Freshness) { (self.tokens, self.freshness) = (tokens, freshness) }
}
