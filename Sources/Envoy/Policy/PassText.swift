public import BoltAPI
internal import Spanner

/// Passes over a policy, for people.
public enum PassText {
    /// One line: how it ended, and how many resources how.
    public static func line(_ pass: PassRecord) -> String {
        let version = pass.sequence.map { "policy \($0)" } ?? "no policy"
        let away = pass.isOffline ? ", its owner not heard" : ""
        guard let report = pass.report else { return "\(version)\(away): not applied" }
        let counts = [
            (report.counts.changed, "changed"), (report.counts.wouldChange, "would change"),
            (report.counts.failed, "failed"), (report.counts.skipped, "passed over"),
            (report.counts.unchanged, "unchanged"),
        ]
        let told = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        let time = "\(report.microseconds / 1_000) ms"
        return "\(version)\(away): \(told.isEmpty ? "nothing in it" : told), in \(time)"
            + (report.isDryRun ? ", nothing was touched" : "") + (pass.isCut == true ? ", cut short" : "")
    }

    /// The line, and below it what is not as it should be and what was changed. With `isWhole` each difference too.
    public static func lines(_ pass: PassRecord, isWhole: Bool = false) -> [String] {
        var lines = [line(pass)]
        if let trouble = pass.trouble { lines.append("  why:  \(TerminalText.line(trouble))") }
        for resource in pass.report?.resources ?? [] where resource.outcome != .unchanged {
            lines.append(TerminalText.line("  \(resource.outcome.rawValue) \(resource.id)\(detail(resource))"))
            if let next = resource.next { lines.append("    next: \(TerminalText.line(next))") }
            if isWhole, let diff = resource.diff {
                lines += TerminalText.lines(diff).map { "    \($0)" }
            }
        }
        if let omitted = pass.report?.omitted, omitted > 0 { lines.append("  and \(omitted) more that are not listed") }
        if let failure = pass.report?.memoryFailure { lines.append("  note: \(failure)") }
        return lines
    }

    /// Why an owner gives nothing, or nothing newer; nil where it said nothing of the kind.
    public static func note(_ policy: CheckInPolicy?) -> String? {
        policy?.reason.map { "note: \($0)" }
    }

    private static func detail(_ resource: PassResource) -> String {
        if let words = resource.words { return ": \(words)" }
        return resource.summary.map { ": \($0.joined(separator: ", "))" } ?? ""
    }
}
