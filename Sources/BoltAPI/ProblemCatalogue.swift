extension Problem {
    /// What is the same for every occurrence of a kind.
    struct Entry: Sendable {
        let status: Int
        let title: String
        let next: String
    }
}

extension Problem.Code {
    /// The body or a query value is not what the endpoint takes.
    public static let badRequest = Self(rawValue: "bad_request")
    /// No certificate was presented, or the token is not one that this mesh knows.
    public static let notAuthenticated = Self(rawValue: "not_authenticated")
    /// The certificate's role, or the operator's rank, does not allow this endpoint.
    public static let notPermitted = Self(rawValue: "not_permitted")
    /// The certificate verifies but its key is not in the roster now.
    public static let notInRoster = Self(rawValue: "not_in_roster")
    /// The key is banned.
    public static let banned = Self(rawValue: "banned")
    /// The admission of this key has ended.
    public static let removed = Self(rawValue: "removed")
    /// The token is past its expiry, by the answering bolt's clock.
    public static let tokenExpired = Self(rawValue: "token_expired")
    /// The token has been used as often as it may.
    public static let tokenSpent = Self(rawValue: "token_spent")
    /// The token was revoked.
    public static let tokenRevoked = Self(rawValue: "token_revoked")
    /// The machine fits no group of the topology; nothing was spent.
    public static let noGroup = Self(rawValue: "no_group")
    /// A one-shot token's home partition cannot be reached; nothing was spent.
    public static let homeUnreachable = Self(rawValue: "home_unreachable")
    /// No such thing, or no such path.
    public static let notFound = Self(rawValue: "not_found")
    /// More than one thing has that name.
    public static let ambiguous = Self(rawValue: "ambiguous")
    /// The path exists, the method does not.
    public static let methodNotAllowed = Self(rawValue: "method_not_allowed")
    /// The change contradicts what is in force.
    public static let conflict = Self(rawValue: "conflict")
    /// A safety rule refuses it.
    public static let refusedBySafetyRule = Self(rawValue: "refused_by_safety_rule")
    /// No bolt of the partition is known to be its primary; nothing was stored.
    public static let noPrimary = Self(rawValue: "no_primary")
    /// Another bolt has to be asked: `Location` names it.
    public static let askElsewhere = Self(rawValue: "ask_elsewhere")
    /// A primary lives: a promotion is not the way.
    public static let primaryLives = Self(rawValue: "primary_lives")
    /// Promises are missing: going on could lose what was acknowledged.
    public static let promisesMissing = Self(rawValue: "promises_missing")
    /// The longest log that was promised cannot be had.
    public static let tailMissing = Self(rawValue: "tail_missing")
    /// The log does not end where the operator expects.
    public static let unexpectedLog = Self(rawValue: "unexpected_log")
    /// Somebody promised a higher epoch.
    public static let outbid = Self(rawValue: "outbid")
    /// The bolt is no standby in sync.
    public static let notInSync = Self(rawValue: "not_in_sync")
    /// The bolt is not the primary.
    public static let notPrimary = Self(rawValue: "not_primary")
    /// No standby is in sync, and this must not be acknowledged on one disk alone.
    public static let notPaired = Self(rawValue: "not_paired")
    /// The bolt's disk is no member of its partition.
    public static let notMember = Self(rawValue: "not_member")
    /// The disk is new and does not know yet what the others promised.
    public static let diskIsNew = Self(rawValue: "disk_is_new")
    /// The bolt is sealed.
    public static let sealed = Self(rawValue: "sealed")
    /// Another operation runs in the partition.
    public static let operationRuns = Self(rawValue: "operation_runs")
    /// An epoch so high that nobody could have minted it.
    public static let absurdEpoch = Self(rawValue: "absurd_epoch")
    /// The partition was founded before.
    public static let alreadyFounded = Self(rawValue: "already_founded")
    /// The list of members is no list for a partition.
    public static let badMembers = Self(rawValue: "bad_members")
    /// The standby did not take the hand-over in time: the old primary goes on.
    public static let handoverCancelled = Self(rawValue: "handover_cancelled")
    /// The disk is the last standby, and lives.
    public static let lastStandby = Self(rawValue: "last_standby")
    /// The body is over its limit.
    public static let tooLarge = Self(rawValue: "too_large")
    /// Too many requests from this identity or address.
    public static let tooManyRequests = Self(rawValue: "too_many_requests")
    /// The envoy has opened as many queue incarnations as its owner keeps; nothing was stored.
    public static let tooManyQueues = Self(rawValue: "too_many_queues")
    /// An operator's act does not verify.
    public static let badAct = Self(rawValue: "bad_act")
    /// The envoy's owner cannot be reached; nothing was stored.
    public static let ownerUnreachable = Self(rawValue: "owner_unreachable")
    /// The bolt is not initialised, or has not yet exchanged contexts after a restore.
    public static let notReady = Self(rawValue: "not_ready")
    /// The bolt that was asked was removed from the mesh, or banned: what it knows is of an earlier day.
    public static let boltRemoved = Self(rawValue: "bolt_removed")
    /// The bolt is shutting down.
    public static let draining = Self(rawValue: "draining")
    /// The disk refused the write; nothing was acknowledged.
    public static let storeFailure = Self(rawValue: "store_failure")
    /// The bolt's disk is full; nothing was acknowledged.
    public static let storeFull = Self(rawValue: "store_full")
    /// A fault of ours, logged under the request's id.
    public static let internalError = Self(rawValue: "internal_error")

    /// Every kind, for the error catalogue.
    public static let all: [Self] =
        [
            .badRequest, .notAuthenticated, .notPermitted, .notInRoster, .banned, .removed, .tokenExpired, .tokenSpent,
            .tokenRevoked, .noGroup, .homeUnreachable, .notFound, .ambiguous, .methodNotAllowed, .conflict,
            .refusedBySafetyRule, .noPrimary, .askElsewhere, .primaryLives, .promisesMissing, .tailMissing,
            .unexpectedLog,
            .outbid, .notInSync, .notPrimary, .notPaired, .notMember, .diskIsNew, .sealed, .operationRuns, .absurdEpoch,
            .alreadyFounded, .badMembers, .handoverCancelled, .lastStandby, .tooLarge, .tooManyRequests, .tooManyQueues,
            .badAct, .ownerUnreachable, .notReady,
            .boltRemoved, .draining, .storeFailure, .storeFull, .internalError,
        ] + sealCodes + sliceCodes + policyCodes

    /// The HTTP status that this kind comes with by default.
    public var status: Int { entry.status }
    /// The kind in a few words.
    public var title: String { entry.title }
    /// What to do about it by default.
    public var next: String { entry.next }

    var entry: Problem.Entry {
        Self.entries[self] ?? Self.partitionEntries[self] ?? Self.sealEntries[self] ?? Self.sliceEntries[self]
            ?? Self.policyEntries[self] ?? Self.unknown
    }

    private static let unknown = Problem.Entry(status: 500, title: "Unknown error", next: "see the bolt's log")

    private static let entries: [Self: Problem.Entry] = [
        .badRequest: .init(status: 400, title: "Bad request", next: "correct the request and send it again"),
        .notAuthenticated: .init(
            status: 401, title: "Not authenticated", next: "present a client certificate of this mesh, or a valid token"
        ),
        .notPermitted: .init(status: 403, title: "Not permitted", next: "use an identity whose role allows this"),
        .notInRoster: .init(
            status: 403, title: "Not in the roster",
            next: "wait for gossip if it was admitted just now, else enrol again"),
        .banned: .init(status: 403, title: "Banned", next: "ask an operator: boltctl envoy explain NAME"),
        .removed: .init(status: 403, title: "Removed", next: "enrol again with a new key"),
        .tokenExpired: .init(
            status: 403, title: "Token expired", next: "ask an operator for another: boltctl envoy token create"),
        .tokenSpent: .init(
            status: 403, title: "Token spent", next: "ask an operator for another: boltctl envoy token create"),
        .tokenRevoked: .init(
            status: 403, title: "Token revoked", next: "ask an operator for another: boltctl envoy token create"),
        .noGroup: .init(
            status: 403, title: "No group",
            next: "ask an operator for a token that names a group, or for a group in the topology"),
        .homeUnreachable: .init(
            status: 503, title: "Home partition unreachable", next: "try again later; the token was not spent"),
        .notFound: .init(
            status: 404, title: "Not found", next: "check the name; boltctl's list verbs show what there is"),
        .ambiguous: .init(status: 409, title: "Ambiguous", next: "name it by its id"),
        .methodNotAllowed: .init(status: 405, title: "Method not allowed", next: "see /v1/openapi.json"),
        .conflict: .init(status: 409, title: "Conflict", next: "read what is in force and decide again"),
        .refusedBySafetyRule: .init(status: 409, title: "Refused by a safety rule", next: "remove the cause named"),
        .tooLarge: .init(status: 413, title: "Too large", next: "send less at a time"),
        .tooManyRequests: .init(status: 429, title: "Too many requests", next: "wait as long as Retry-After says"),
        .tooManyQueues: .init(
            status: 409, title: "Too many queues",
            next: "enrol the machine anew: its results stay in its queue until a bolt takes them"),
        .badAct: .init(
            status: 422, title: "Act does not verify", next: "sign it with an operator identity in the roster"),
        .ownerUnreachable: .init(
            status: 503, title: "Owner unreachable", next: "keep the results and try again after Retry-After"),
        .notReady: .init(status: 503, title: "Not ready", next: "try another bolt, or this one again shortly"),
        .boltRemoved: .init(
            status: 503, title: "Removed from the mesh", next: "ask another bolt: boltctl --bolt ADDRESS"),
        .draining: .init(status: 503, title: "Draining", next: "use another bolt"),
        .storeFailure: .init(
            status: 503, title: "Store failure", next: "look at the bolt's disk and log; use another bolt meanwhile"),
        .storeFull: .init(
            status: 503, title: "Disk full", next: "make room on the bolt's disk; use another bolt meanwhile"),
        .internalError: .init(status: 500, title: "Internal error", next: "look in the bolt's log for the request id"),
    ]
}
