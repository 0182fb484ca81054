internal import BoltAPI
internal import CRDT
internal import Identity
internal import Policy
internal import SpannerStore

/// One pass over the policy: its secrets opened, its templates rendered with what the machine is now, what comes of it
/// put in force.
struct PolicyPass: Sendable {
    /// What of the disruptive resources may be applied (Q2).
    enum Allowance: Hashable, Sendable {
        /// All: the owner is there.
        case all
        /// What was in force before, as it was: nothing new is begun while the owner is away.
        case known
        /// None.
        case none
    }

    /// What came of it.
    struct Result: Sendable {
        var outcome: Swift.Result<PassReport, PolicyTrouble>
        /// What is in force now of what is disruptive, where that is another than before.
        var inForce: [String: Bytes32]?
    }

    let body: [UInt8]
    let box: [UInt8]?
    let machine: StandingFacts
    let traits: [String: JSONValue]
    let key: SealingKey
    let enforcer: any PolicyEnforcer
    let allowance: Allowance
    /// The last state in force of each disruptive resource.
    let known: [String: Bytes32]

    /// Makes it. Values of secrets are in memory while it lasts, and overwritten then.
    func run() async -> Result {
        var secrets: [String: [UInt8]] = [:]
        defer { for name in secrets.keys { SecretBytes.wipe(&secrets[name, default: []]) } }
        let policy: ResolvedPolicy
        do {
            secrets = try opened()
            policy = try PolicyBody(bytes: body).resolve(
                machine, traits: traits.mapValues { PolicyValue($0) }, secrets: secrets)
        } catch let trouble as PolicyTrouble {
            return Result(outcome: .failure(trouble), inForce: nil)
        } catch {
            return Result(outcome: .failure(.damaged("\(error)")), inForce: nil)
        }
        let states = digests(of: policy)
        let outcome = await enforcer.enforce(
            permit(policy, states), secrets: Array(secrets.values), safeOnly: allowance != .all)
        guard !enforcer.isDryRun, case .success(let report) = outcome else {
            return Result(outcome: outcome, inForce: nil)
        }
        let now = inForce(after: report, states)
        return Result(outcome: outcome, inForce: now == known ? nil : now)
    }

    private func opened() throws(PolicyTrouble) -> [String: [UInt8]] {
        guard let box else { return [:] }
        do {
            return try SealedSecrets.open(box, with: key).mapValues { value in value.withBytes { Array($0) } }
        } catch { throw .damaged("its secrets: \(error.why)") }
    }

    private func digests(of policy: ResolvedPolicy) -> [String: Bytes32] {
        var digests: [String: Bytes32] = [:]
        for resource in policy.resources where resource.effect == .disruptive {
            digests[resource.id.text] = ResourceState.digest(of: resource, by: key)
        }
        return digests
    }

    /// With the owner away, what was in force before may be restored like anything that is safe.
    private func permit(_ policy: ResolvedPolicy, _ states: [String: Bytes32]) -> ResolvedPolicy {
        guard allowance == .known else { return policy }
        var policy = policy
        for index in policy.resources.indices where policy.resources[index].effect == .disruptive {
            let id = policy.resources[index].id.text
            if let state = states[id], known[id] == state { policy.resources[index].effect = .safe }
        }
        return policy
    }

    /// What is in force once the pass is over: of what was applied its present state, of the rest the one before; what
    /// the policy no longer has is forgotten.
    private func inForce(after report: PassReport, _ states: [String: Bytes32]) -> [String: Bytes32] {
        var now: [String: Bytes32] = [:]
        for id in states.keys { now[id] = known[id] }
        for resource in report.resources where resource.isInPlace {
            if let state = states[resource.id] { now[resource.id] = state }
        }
        return now
    }
}

extension PolicyValue {
    /// A trait as a policy sees it.
    init(_ value: JSONValue) {
        self =
            switch value {
            case .null: .null
            case .bool(let value): .bool(value)
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .string(let value): .text(value)
            case .array(let values): .list(values.map { PolicyValue($0) })
            case .object(let values): .object(values.mapValues { PolicyValue($0) })
            }
    }
}
