public import CRDT

/// All applies that are known, and which of them is in force: a set that only grows, walked from the beginning.
///
/// An apply names the one that it changes. Of two that change the same, the one with the lower id goes on, whatever
/// stands on the other; the other is shown, and can be applied again.
public struct TopologyLine: Hashable, Sendable {
    private var applies: [Bytes32: TopologyApply] = [:]
    /// The applies in force, in order; worked out with each new one.
    public private(set) var path: [TopologyApply] = []

    /// No topology.
    public init() {}

    /// The version in force; nil before the first.
    public var current: TopologyApply? { path.last }

    /// Applies that are known.
    public var count: Int { applies.count }

    /// One apply; nil where it is not known.
    public func apply(_ id: Bytes32) -> TopologyApply? { applies[id] }

    /// Takes an apply; whether it was new.
    @discardableResult
    public mutating func insert(_ apply: TopologyApply) -> Bool {
        guard applies[apply.id] == nil, applies.count < TopologyLine.appliesMax else { return false }
        applies[apply.id] = apply
        walk()
        return true
    }

    /// Applies kept: several a day for years.
    public static let appliesMax = 16_384

    private mutating func walk() {
        let children = Dictionary(grouping: applies.values, by: \.base)
        path = []
        // Each base is a hash over everything before it, so that the walk cannot come back.
        while let next = children[path.last?.id ?? .zero]?.min(by: { $0.id < $1.id }) { path.append(next) }
    }

    /// Applies that are not in force, by their ids: they lost against another, or what they change is not known here.
    public var others: [TopologyApply] {
        let inForce = Set(path.map(\.id))
        return applies.values.filter { !inForce.contains($0.id) }.sorted { $0.id < $1.id }
    }

    /// How the groups in force began: of several of one name the first that the line created.
    public func geneses(hashedBy witness: some Witness) -> [GroupName: SliceGenesis] {
        var groups: [GroupName: SliceGenesis] = [:]
        for apply in path {
            for genesis in apply.geneses(hashedBy: witness) where groups[genesis.name] == nil {
                groups[genesis.name] = genesis
            }
        }
        return groups
    }
}

/// Puts applies together from the parts that events carry. Each author's parts stand for themselves, so that nobody can
/// spoil another's, nor be in its way: what comes of them depends on the order of that author's history alone, which
/// is the same for everybody.
public struct TopologyAssembly: Sendable {
    private struct Draft {
        let apply: Bytes32
        let count: UInt32
        var parts: [UInt32: [UInt8]] = [:]
    }

    /// By author, in the order in which they began.
    private var drafts: [ReplicaID: [Draft]] = [:]
    /// Applies of one author whose parts are on their way at one time; with one more the oldest goes.
    public static let draftsMax = 8

    /// Nothing yet.
    public init() {}

    /// Takes a part; the apply, where it was the last that was missing. What does not fit is dropped.
    public mutating func take(
        _ part: TopologyPart, by author: ReplicaID, hashedBy witness: some Witness
    ) -> TopologyApply? {
        guard part.number < part.count else { return nil }
        var own = drafts[author] ?? []
        defer { drafts[author] = own.isEmpty ? nil : own }
        let place = own.firstIndex { $0.apply == part.apply }
        var draft = place.map { own[$0] } ?? Draft(apply: part.apply, count: part.count)
        guard draft.count == part.count else { return nil }
        draft.parts[part.number] = part.bytes
        guard draft.parts.count == Int(draft.count) else {
            if let place { own[place] = draft } else { own.append(draft) }
            if own.count > TopologyAssembly.draftsMax { own.removeFirst() }
            return nil
        }
        if let place { own.remove(at: place) }
        let bytes = (0..<draft.count).flatMap { draft.parts[$0] ?? [] }
        guard TopologyApply.id(of: bytes, witness) == part.apply,
            let apply = try? TopologyApply(bytes, hashedBy: witness)
        else { return nil }
        return apply
    }
}
