import BoltAPI
import CRDT
import Spanner

/// What a machine was given and what it did with it, for people.
enum EnvoyPolicyText {
    /// Names and values, one a line.
    static func fields(_ policy: EnvoyPolicyView, of standing: StandingWord = .active) -> [(String, String)] {
        guard let revision = policy.revision else { return [("policy", "none: nothing is published for it")] }
        var fields = [
            ("policy", "\(StackText.short(revision)), head \(policy.sequence)"), ("given", given(policy, standing)),
        ]
        if let leaf = policy.leaf {
            let secrets = policy.secrets > 0 ? ", \(Plural.text(policy.secrets, "secret")) sealed to it" : ""
            fields.append(("leaf", leaf.shortHex + (policy.body.map { ", body \($0.shortHex)" } ?? "") + secrets))
        }
        guard let pass = policy.lastPass else { return fields + [("last pass", "none was told")] }
        fields.append(("last pass", line(pass)))
        return fields
    }

    private static func given(_ policy: EnvoyPolicyView, _ standing: StandingWord) -> String {
        if [.banned, .removed].contains(standing) { return "nothing any more: it is \(standing.rawValue)" }
        if policy.isCurrent { return "yes, and it holds it" }
        let held = held(policy)
        if let why = policy.heldUp { return "no, held up: \(why); \(held)" }
        if policy.isGiven { return "yes; \(isSilent(policy) ? "" : "at its last report ")\(held)" }
        let why = policy.leaf == nil ? "no version was made for it" : "its roll-out has not come to it"
        return "not yet, \(why); \(held)"
    }

    /// Whether it said nothing yet of what it holds: its bolt has only just begun.
    private static func isSilent(_ policy: EnvoyPolicyView) -> Bool { policy.held == nil && policy.isReported == false }

    /// Which version it has, as far as that is known.
    private static func held(_ policy: EnvoyPolicyView) -> String {
        guard let leaf = policy.held else {
            return isSilent(policy) ? "what it holds is not reported since this bolt began" : "it holds none"
        }
        guard let sequence = policy.heldSequence else { return "it holds \(leaf.shortHex)" }
        let revision = policy.heldRevision.map { " of \(StackText.short($0))" } ?? ""
        return "it holds \(leaf.shortHex), head \(sequence)\(revision)"
    }

    /// `2026-11-22T04:00:00Z, head 17: changed: 2 changed, 40 unchanged`.
    static func line(_ pass: EnvoyPassView) -> String {
        let head = pass.sequence.map { ", head \($0)" } ?? ""
        let how = pass.isOffline ? "offline, " : ""
        let counts = pass.trouble ?? pass.counts.map { PassText.counts($0) } ?? "no pass was made"
        return "\(Console.time(milliseconds: pass.at.milliseconds))\(head): \(how)\(PassText.outcome(pass.outcome)): "
            + counts
    }

    /// Resources that failed or were passed over, one a line.
    static func resources(_ pass: EnvoyPassView) -> [String] {
        pass.resources.map { resource in
            let outcome = resource.outcome.rawValue.replacing("_", with: " ")
            // The machine's own words: one resource is one line, whatever they hold.
            return TerminalText.line(
                "  \(resource.id): \(outcome)" + (resource.words.map { ": \($0)" } ?? "")
                    + (resource.code.map { " [\($0)]" } ?? ""))
        }
    }
}
