import BoltAPI
import Spanner

/// What keeps a mesh from being whole, by what each bolt says of the others.
enum MeshGaps {
    /// One bolt and what it says, if it answers.
    struct Seen: Sendable {
        let bolt: String
        let status: StatusResponse?
    }

    /// One line a gap; none when every bolt is linked to every other and all hold the same. Of the partitions that are
    /// `stopped` nobody has to reign.
    static func all(_ seen: [Seen], stopped: Set<PartitionName> = []) -> [String] {
        var gaps: [String] = []
        for one in seen {
            guard let status = one.status else {
                gaps.append("\(one.bolt) does not answer")
                continue
            }
            for other in seen where other.bolt != one.bolt {
                guard let view = status.bolts.first(where: { $0.fullName == other.bolt }) else {
                    gaps.append("\(one.bolt) does not know \(other.bolt) yet")
                    continue
                }
                if view.reach != .alive {
                    gaps.append("\(one.bolt) has no live link to \(other.bolt)")
                } else if view.digest != status.roster.digest {
                    gaps.append("\(one.bolt) does not know yet that \(other.bolt) holds the same roster")
                }
            }
        }
        // Who reigns is told link by link: a bolt may have heard of all bolts, and not yet of that.
        for one in seen {
            let headless = (one.status?.partitions ?? []).filter { $0.primary == nil }
            for partition in headless where !stopped.contains(partition.name) {
                gaps.append("\(one.bolt) does not know the primary of \(partition.name) yet")
            }
        }
        let digests = Set(seen.compactMap { $0.status?.roster.digest })
        if digests.count > 1 { gaps.append("the bolts hold \(digests.count) different rosters") }
        return gaps
    }
}
