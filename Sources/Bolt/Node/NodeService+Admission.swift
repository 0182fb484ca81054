internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner

/// What is to be done about a machine that asks to be admitted.
enum Admittance: Sendable {
    /// It was admitted before with this key and token: it is certified again, and nothing is spent.
    case again(Principal, [Dot])
    /// It was admitted now.
    case new(PrincipalID, GroupName?)
    /// It may be admitted so once its one-shot token is spent here: what was in force for a repeat counts then.
    case spending(Admission)
    /// Its one-shot token is spent in this partition.
    case elsewhere(PartitionName)
}

extension NodeService {
    /// Judges a token and a key and, where they are good, writes the admission: drafted and handed to the machine
    /// without a pause. A one-shot token is spent in its partition first, by whoever asks.
    func admit(
        token: TokenID, secretHash: Bytes32, mesh: MeshID, partition: PartitionName, name: PrincipalName,
        key: KeyFingerprint, sealingKey: Bytes32, labels: [Label], topology: Topology?
    ) async throws -> (Admittance, CommandOutcome?) {
        let roster = machine.roster
        let standing = try judge(token, secretHash: secretHash, mesh: mesh)
        if let known = try again(token: token, name: name, key: key) { return (known, nil) }
        var isOneShot = false
        if case .oneShot(let home) = standing.record.kind {
            guard home == partition else { return (.elsewhere(home), nil) }
            isOneShot = true
        }
        let record: JoinTokenRecord
        do { record = try roster.honour(token, for: key, at: WallClock.now(), partition: partition) } catch {
            throw NodeService.problem(error)
        }
        try checkPending(token, key: key, standing: standing)
        guard let id = PrincipalID(bytes: Sodium.randomBytes(PrincipalID.count)) else {
            throw Problem(.internalError, "no random bytes")
        }
        var admission = Admission(role: .envoy, id: id, name: name, tlsKey: key)
        admission.sealingKey = sealingKey
        admission.partition = partition
        admission.token = token
        // What the operator put on the token wins over what the machine says of itself.
        let decided = Set(record.labels.map(\.key))
        admission.labels = (record.labels + labels.filter { !decided.contains($0.key) }).sorted()
        guard admission.labels.count <= RosterLimits.labelsMax else {
            throw Problem(.badRequest, "the token's labels and the machine's are more than \(RosterLimits.labelsMax)")
        }
        admission.group = try record.group ?? NodeService.group(of: admission, in: topology)
        if isOneShot { return (.spending(admission), nil) }
        return try await author(admission)
    }

    /// Writes an admission of an envoy: drafted and handed to the machine without a pause.
    private func author(_ admission: Admission) async throws -> (Admittance, CommandOutcome?) {
        let payload: RosterEvent.Payload
        do { payload = try machine.roster.draftAdmission(admission) } catch { throw NodeService.problem(error) }
        return (.new(admission.id, admission.group), await command([payload], level: .spread(2)))
    }

    /// Writes the admission that a one-shot token was spent on; where it is in force already nothing is written.
    func admit(spent admission: Admission) async throws -> (Admittance, CommandOutcome?) {
        if let token = admission.token,
            let known = try again(token: token, name: admission.name, key: admission.tlsKey)
        {
            return (known, nil)
        }
        for case .admit(let pending) in machine.pendingPayloads where pending.tlsKey == admission.tlsKey {
            throw Problem(.notReady, "the same request is being worked on", next: "ask again in a moment")
        }
        return try await author(admission)
    }

    /// The first group of the topology that takes the machine, by its name and labels; nil where there is no topology.
    /// Throws `no_group` where none does.
    static func group(of admission: Admission, in topology: Topology?) throws(Problem) -> GroupName? {
        guard let topology else { return nil }
        let group = topology.group(hostname: admission.name.text, labels: admission.labels.dictionary)
        guard let group else {
            throw Problem(.noGroup, "no group of the topology takes \(admission.name) with its labels")
        }
        return group
    }

    /// The token's record, where the secret is right. All that is wrong with an unknown token gives one answer.
    private func judge(_ token: TokenID, secretHash: Bytes32, mesh: MeshID) throws -> TokenStanding {
        guard mesh == machine.own.mesh else { throw Problem(.notAuthenticated, "the token is of another mesh") }
        let known = machine.roster.token(token)
        // Compared in constant time, against something in any case.
        let right = Sodium.equal(secretHash.bytes, (known?.record.secretHash ?? Bytes32.zero).bytes)
        guard let known, right else {
            throw Problem(.notAuthenticated, "the token is not one that this mesh knows", status: 401)
        }
        if known.isRevoked { throw Problem(.tokenRevoked, "the token was revoked") }
        return known
    }

    /// The principal that this key was admitted for with this token; nil where there is none.
    private func again(token: TokenID, name: PrincipalName, key: KeyFingerprint) throws -> Admittance? {
        switch machine.roster.standing(of: key, as: .envoy) {
        case .active(let principal), .contested(let principal, others: _):
            guard principal.token == token, principal.name == name else {
                throw Problem(.conflict, "the key is in force for \(principal.name), admitted otherwise")
            }
            return .again(principal, principal.admissions)
        case .superseded: throw Problem(.removed, "the key was handed on to another; use the new one")
        case .removed: throw Problem(.removed, "the admission of this key has ended", next: "enrol with a new key")
        case .banned(let fact): throw Problem.banned(reason: fact.reason)
        case .unknown: return nil
        }
    }

    /// Admissions that wait for the disk count as well: two requests must not spend one use.
    private func checkPending(_ token: TokenID, key: KeyFingerprint, standing: TokenStanding) throws {
        var uses = standing.uses
        for case .admit(let admission) in machine.pendingPayloads where admission.token == token {
            if admission.tlsKey == key {
                throw Problem(.notReady, "the same request is being worked on", next: "ask again in a moment")
            }
            uses += 1
        }
        guard uses < standing.usesMax else {
            throw Problem(.tokenSpent, "the token has admitted \(uses) of \(standing.usesMax)")
        }
    }

    /// Writes the hand-on of an envoy's key; nil where this very one is in force already.
    func rekey(_ envoy: PrincipalID, _ rekey: Rekey) async throws -> CommandOutcome? {
        if machine.roster.standing(of: rekey.to, as: .envoy).principal?.id == envoy { return nil }
        let payload: RosterEvent.Payload
        do {
            payload = try machine.roster.draftAmendment(of: envoy, by: machine.own.replica, rekey: rekey)
        } catch { throw NodeService.problem(error) }
        return await command([payload], level: .spread(2))
    }

    /// Gives an envoy another group; nil where it is in it already.
    func regroup(_ envoy: PrincipalID, to group: GroupName) async throws -> CommandOutcome? {
        if machine.roster.principal(envoy)?.group == group { return nil }
        let payload: RosterEvent.Payload
        do {
            payload = try machine.roster.draftAmendment(of: envoy, by: machine.own.replica, group: group)
        } catch { throw NodeService.problem(error) }
        return await command([payload], level: .spread(2))
    }

    /// How safe a command is that was done; a problem where it was not. A command that was not needed is `local`.
    static func level(_ outcome: CommandOutcome?) throws -> BoltAPI.AckLevel {
        switch outcome {
        case .none, .imported: return .local
        case .done(_, let level): return BoltAPI.AckLevel(level)
        case .refused(let refusal): throw problem(refusal)
        }
    }

    /// Labels within their limits, sorted.
    static func labels(_ labels: [String: String]) throws -> [Label] {
        guard labels.count <= RosterLimits.labelsMax else {
            throw Problem(.badRequest, "at most \(RosterLimits.labelsMax) labels are taken")
        }
        for (key, value) in labels {
            guard (1...RosterLimits.labelKeyBytesMax).contains(key.utf8.count),
                value.utf8.count <= RosterLimits.labelValueBytesMax
            else { throw Problem(.badRequest, "a label's key or value is too long") }
        }
        return labels.map { Label(key: $0.key, value: $0.value) }.sorted()
    }

    /// Why a change was refused, as the API tells it.
    static func problem(_ refusal: CommandRefusal) -> Problem {
        switch refusal {
        case .overloaded: Problem(.tooManyRequests, "too many changes wait for the disk", status: 503)
        case .invalid(let why): Problem(.badRequest, why)
        case .notMember: Problem(.notReady, "this bolt is removed or banned: it writes no more")
        case .storage: Problem(.storeFull, "the bolt's disk did not take the change; nothing was changed")
        case .badRun(let dot, let reason): Problem(.badRequest, "run at \(dot): \(reason)")
        case .gap(let replica, let after): Problem(.badRequest, "runs of \(replica) after \(after) are missing")
        }
    }

    /// What is wrong with a draft, as the API tells it.
    static func problem(_ error: RosterDraftError) -> Problem {
        switch error.code {
        case .keyBanned: Problem(.banned, error.detail)
        case .keyRetired: Problem(.removed, error.detail)
        case .keyInUse, .nameInUse, .notContested, .tokenExists: Problem(.conflict, error.detail)
        case .tokenUnknown: Problem(.notAuthenticated, error.detail)
        case .tokenRevoked: Problem(.tokenRevoked, error.detail)
        case .tokenExpired: Problem(.tokenExpired, error.detail)
        case .tokenSpent: Problem(.tokenSpent, error.detail)
        case .tokenElsewhere: Problem(.homeUnreachable, error.detail)
        case .unknownPrincipal: Problem(.notFound, error.detail)
        case .actInvalid: Problem(.badAct, error.detail)
        case .needsOperator: Problem(.refusedBySafetyRule, error.detail)
        case _: Problem(.badRequest, error.detail)
        }
    }
}

extension BoltAPI.AckLevel {
    /// A level of the machine as the API tells it.
    init(_ level: Spanner.AckLevel) {
        switch level {
        case .local: self = .local
        case .spread(let count): self = .spread(count)
        }
    }
}
