internal import BoltAPI
internal import Policy
internal import Spanner

/// Who needs a secret by the stack in force.
struct SecretNeed: Hashable, Sendable {
    /// What the stack is called.
    let revision: String
    /// How many envoys it gives a resource that names the secret.
    let envoys: Int
    /// The first of them, by name, at most `namedMax`.
    let some: [String]

    /// How many are named.
    static let namedMax = 5

    /// What becomes of them without it, or became.
    func words(_ secret: String, dryRun: Bool) -> String {
        let stack = "the stack in force, \(revision),"
        guard envoys > 0 else { return "\(stack) names it; no machine of now needs it, and one that does is held up" }
        let more = envoys - some.count
        let names = some.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
        return "\(stack) needs it for \(Plural.text(envoys, "machine")), which "
            + (dryRun ? "would be held up" : "\(envoys == 1 ? "is" : "are") held up")
            + " at what \(envoys == 1 ? "it has" : "they have") until \(secret) is put again: \(names)"
    }
}

extension PolicyService {
    /// Who needs a secret by the stack in force; nil where that names no such secret, or this bolt does not reign.
    func need(of secret: String) async -> SecretNeed? {
        guard let reign, let stack = reign.stack, stack.secretNames.contains(secret) else { return nil }
        let (bodies, members) = (reign.bodies, (reign.fleet ?? [:]).values.sorted { $0.facts.id < $1.facts.id })
        var names: [String] = []
        for (count, member) in members.enumerated() {
            if count % PolicyServiceLimits.envoysPerTurn == 0 { await Task.yield() }
            // A body that is not made yet is of somebody who came just now: what its layers name is not known.
            guard let body = bodies[stack.selection(for: member.facts)], body.secrets.contains(secret) else { continue }
            names.append(member.facts.name.text)
        }
        return SecretNeed(
            revision: reign.version?.revision ?? "", envoys: names.count,
            some: Array(names.sorted().prefix(SecretNeed.namedMax)))
    }
}
