import BoltAPI
import CRDT
import Spanner

/// Tells each change of a partition as it happens: what a bolt reports beside what it is assigned.
struct PartitionTransitions {
    private var last: [String: String] = [:]
    private let clock = ContinuousClock()
    private let began: ContinuousClock.Instant

    init() { began = clock.now }

    /// The lines that are new since the last look; all members at the first are none.
    mutating func changes(_ partition: PartitionView) -> [String] {
        let isFirst = last.isEmpty
        var lines: [String] = []
        for member in partition.members {
            guard let bolt = member.bolt else { continue }
            let text = Self.text(member)
            defer { last[bolt] = text }
            guard !isFirst, last[bolt] != text else { continue }
            lines.append("\(seconds)  \(bolt)  \(last[bolt] ?? "-") → \(text)")
        }
        return lines
    }

    static func text(_ member: PartitionMemberView) -> String {
        func word(_ role: PartitionRoleWord?) -> String { role?.rawValue.replacing("_", with: " ") ?? "unknown" }
        let sync = member.isInSync ? ", in sync" : ""
        return "\(word(member.reported)) (assigned \(word(member.assigned))\(sync))"
    }

    private var seconds: String {
        let span = (clock.now - began).components
        let milliseconds = span.seconds * 1000 + span.attoseconds / 1_000_000_000_000_000
        return "+\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst()) s"
    }
}
