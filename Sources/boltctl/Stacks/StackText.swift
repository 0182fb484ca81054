import BoltAPI
import Spanner

/// Stacks and roll-outs for people.
enum StackText {
    /// The start of a revision's name, where that is only digits.
    static func short(_ revision: String) -> String {
        let isDigest = revision.count >= 32 && revision.allSatisfy { $0.isASCII && $0.isHexDigit }
        return isDigest ? String(revision.prefix(12)) : revision
    }

    /// What came of a change.
    static func change(_ answer: StackChangeResponse, last: RolloutView? = nil) -> String {
        var lines = answer.effects.map { answer.dryRun ? "would be so: \($0)" : $0 }
        if let rollout = last ?? answer.rollout { lines.append("roll-out \(self.rollout(rollout))") }
        if answer.dryRun {
            lines.append("dry run: nothing was changed")
        } else if answer.changed {
            lines.append("acknowledged at \(answer.level)")
        } else {
            lines.append("it was so already: nothing was changed")
        }
        return lines.joined(separator: "\n")
    }

    /// How far a roll-out is, in one line.
    static func rollout(_ rollout: RolloutView) -> String {
        let have = rollout.succeeded == 1 || rollout.envoys == 1 ? "has it" : "have it"
        var parts = ["\(rollout.succeeded) of \(Plural.text(rollout.envoys, "machine")) \(have)"]
        if rollout.underway > 0 { parts.append("\(rollout.underway) under way") }
        if rollout.failed > 0 { parts.append("\(rollout.failed) failed") }
        if rollout.silent > 0 { parts.append("\(rollout.silent) not heard of") }
        if rollout.heldUp > 0 { parts.append("\(rollout.heldUp) held up") }
        let waiting = [rollout.given, rollout.heldUp].reduce(rollout.envoys) { $0 > $1 ? $0 - $1 : 0 }
        if waiting > 0 { parts.append("\(waiting) not given it") }
        return "of \(short(rollout.revision)) \(word(rollout)): \(parts.joined(separator: ", "))"
            + (rollout.reason.map { "; \(TerminalText.line($0))" } ?? "")
    }

    /// How it stands, in a word: `done` is said where nobody is under way, and nobody held up.
    static func word(_ rollout: RolloutView) -> String {
        switch rollout.state {
        case .running: "runs"
        case .paused: "is held"
        case .halted: "halted"
        case .finished where rollout.underway > 0: "runs"
        case .finished where rollout.heldUp > 0: "is over, not done"
        case .finished: "is done"
        case .aborted: "was ended"
        }
    }

    /// `3 at once, 5 stand all the while, halts with more than 2 failures`.
    static func limits(_ limits: RolloutLimitsView) -> String {
        var parts = [limits.maxConcurrent.map { "\($0) at once" } ?? "all at once"]
        if limits.minStanding > 0 { parts.append("\(limits.minStanding) stand all the while") }
        let halts = limits.maxFail.map { "halts with more than \(Plural.text($0, "failure"))" }
        parts.append(halts ?? "no failure halts it")
        return parts.joined(separator: ", ")
    }

    /// One partition's stack, whole.
    static func screen(_ status: StackStatusResponse, now: WallTime = .now) -> String {
        var fields = TextFields([("partition", "\(status.partition), as \(whose(status))")])
        if let revision = status.inForce {
            fields.add("in force", "\(short(revision.revision)), version \(revision.version) of \(revision.stack)")
            fields.add(
                "published",
                "\(Console.time(milliseconds: revision.at.milliseconds)) by \(revision.actor)"
                    + (revision.reason.isEmpty ? "" : " (\(revision.reason))"))
            fields.add(
                "machines",
                "\(Plural.text(status.envoys, "machine")), \(Plural.text(status.bodies, "body", "bodies")), head "
                    + "\(status.sequence)")
            fields.add("too old", expiry(status))
        } else {
            fields.add("in force", "nothing: no stack was published")
        }
        fields.add("source", source(status.source))
        if let differs = differs(status) { fields.add("differs", differs) }
        if let trouble = status.source.trouble { fields.add("trouble", trouble) }
        if let frozen = status.frozen {
            let why = frozen.reason.isEmpty ? "" : " (\(frozen.reason))"
            fields.add("frozen", "since \(Console.time(milliseconds: frozen.at.milliseconds)) by \(frozen.actor)\(why)")
        }
        if let hold = status.hold { fields.add("held up", hold) }
        if let rollout = status.rollout {
            fields.add("roll-out", self.rollout(rollout))
            fields.add("its limits", limits(rollout.limits))
        }
        var lines = [fields.text]
        if let rollout = status.rollout { lines += failures(rollout.failures, of: rollout.failed) }
        if let rejected = status.rejected { lines += self.rejected(rejected, now: now) }
        for push in status.pushes { lines.append("push \(PushText.line(push))") }
        if let next = status.next { lines.append("next: \(next)") }
        return lines.joined(separator: "\n")
    }

    private static func whose(_ status: StackStatusResponse) -> String {
        status.isPrimary
            ? "\(status.bolt) has it" : "\(status.bolt) has it, not the primary: what came last may be missing"
    }

    private static func expiry(_ status: StackStatusResponse) -> String {
        guard let seconds = status.maxAgeSeconds else { return "never" }
        let then =
            switch status.expiry {
            case .enforceLast: "machines go on with it"
            case .enforceSafe: "machines go on with what is safe"
            case .stop: "machines change nothing more"
            }
        return "after \(AboutText.span(Double(seconds))): \(then)"
    }

    /// That the source holds something else than what is in force; nil where it does not.
    static func differs(_ status: StackStatusResponse) -> String? {
        guard status.source.kind != .none, let newest = status.source.revision, newest != status.inForce?.revision
        else { return nil }
        let held = status.frozen == nil ? "" : ": the freeze holds it back, unfreezing publishes it"
        return "the source's newest, \(short(newest)), is not in force\(held)"
    }

    static func source(_ source: StackSourceView) -> String {
        guard source.kind != .none else { return "none: operators publish" }
        let age = source.ageSeconds.map { "read \(AboutText.span($0)) ago" } ?? "never read"
        let revision = source.revision.map { " at \(short($0))" } ?? ""
        let followed = source.isFollowed ? "" : ", not followed"
        return "\(source.kind.rawValue) \(source.place ?? "")\(revision), \(age)\(followed)"
    }

    /// The first machines on which it failed, one a line.
    static func failures(_ failures: [PolicyFailureView], of count: UInt64) -> [String] {
        var lines = failures.map {
            TerminalText.line("  failed: \($0.name?.text ?? $0.envoy.description): \($0.reason)")
        }
        let shown = UInt64(failures.count)
        if count > shown, shown > 0 { lines.append("  and \(count - shown) more") }
        return lines
    }

    static func rejected(_ rejected: StackRejectionView, now: WallTime = .now) -> [String] {
        let since = AboutText.since(rejected.at, now: now)
        var lines = [TerminalText.line("\(short(rejected.revision)) was not taken, \(since) ago: \(rejected.reason)")]
        lines += rejected.faults.map { "  \(fault($0))" }
        let more = rejected.count - rejected.faults.count
        if more > 0 { lines.append("  and \(more) more") }
        return lines
    }

    /// `layers/10-base.yaml:12: why [code]`.
    static func fault(_ fault: StackFaultView) -> String {
        TerminalText.line("\(fault.place): \(fault.reason) [\(fault.code)]")
    }
}
