internal import Spanner

/// That peers take this bolt for removed or banned. They speak with it no more, so its own roster never learns the act:
/// their word is all that it gets. It goes by that only while nobody speaks with it.
struct Expulsion {
    /// Who said so, by name.
    private(set) var sources: Set<String> = []
    /// Whether any said that it is banned.
    private(set) var isBanned = false

    /// Most that are named.
    static let sourcesMax = 16

    /// Whether anybody says so.
    var isTold: Bool { !sources.isEmpty }

    /// A peer says so; true where it is the first.
    mutating func note(_ source: String, banned: Bool) -> Bool {
        let isFirst = sources.isEmpty
        if sources.count < Expulsion.sourcesMax { sources.insert(source) }
        if banned { isBanned = true }
        return isFirst
    }

    /// Somebody speaks with this bolt as with a member.
    mutating func clear() { self = Expulsion() }

    /// What it means and what to do, for people; `sources` may be empty where the own roster says so.
    static func text(banned: Bool, by sources: [String]) -> String {
        let whose = sources.isEmpty ? "the roster" : sources.joined(separator: ", ")
        return "\(banned ? "banned" : "removed"): \(whose) no longer admits this bolt, and its keys never come back. "
            + "What it held stays on its disk. Next: stop it; to bring the machine back, move its state directory and "
            + "identity away, make new keys, and have it admitted: boltctl bolt join, boltctl bolt invite"
    }
}

extension NodeService {
    /// Why this bolt serves nobody any more, where its roster or all whom it met say that its admission has ended.
    var expulsionText: String? {
        if machine.isExpelled {
            let standing = machine.roster.standing(of: machine.own.tlsKey, as: .bolt)
            let isBanned = if case .banned = standing { true } else { false }
            return Expulsion.text(banned: isBanned, by: [])
        }
        guard expulsion.isTold else { return nil }
        return Expulsion.text(banned: expulsion.isBanned, by: expulsion.sources.sorted())
    }
}
