internal import BoltAPI
internal import Spanner

extension PolicyTerms {
    /// What differs from other terms, one setting of `stack.yaml` a line: `expiry.after 1h → 2h`.
    func changes(from before: PolicyTerms) -> [String] {
        var lines: [String] = []
        if maxAgeSeconds != before.maxAgeSeconds {
            lines.append("expiry.after \(before.afterWord) → \(afterWord)")
        }
        if expiry != before.expiry {
            let (old, new) = (PolicyExpiryWord(before.expiry), PolicyExpiryWord(expiry))
            lines.append("expiry.policy \(old.rawValue) → \(new.rawValue)")
        }
        return lines
    }

    /// The age as `stack.yaml` has it, in its largest unit that is whole: `36h`.
    private var afterWord: String {
        guard let seconds = maxAgeSeconds else { return "never" }
        let units: [(seconds: UInt64, letter: String)] = [(86_400, "d"), (3600, "h"), (60, "m")]
        for unit in units where seconds > 0 && seconds.isMultiple(of: unit.seconds) {
            return "\(seconds / unit.seconds)\(unit.letter)"
        }
        return "\(seconds)s"
    }
}
