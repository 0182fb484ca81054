public import CRDT

/// How a group began: how many slices it has, and among which partitions their first owners were drawn. Frozen by the
/// topology apply that created the group; weights that change later move slices by hand-ons, never by this.
public struct SliceGenesis: Hashable, Sendable {
    /// The apply that created the group.
    public let apply: Bytes32
    /// The group's name.
    public let name: GroupName
    /// The group: a function of both.
    public let id: GroupID
    /// How many slices: 1...`Placement.slicesMax`, for ever.
    public let slices: UInt32
    /// Who could own one, by name, ascending, each once, at least one with a weight.
    public let candidates: [Placement.Candidate]
    /// Hash of all of the above: two definitions of one group differ in it.
    public let root: Bytes32
    /// By slice: the place of its first owner among the candidates.
    private let owners: [UInt16]

    private static let rootDomain = Array("bolt slice genesis v1".utf8)
    private static let baseDomain = Array("bolt slice base v1".utf8)

    /// A group's beginning. Nil where there is no slice, or too many; no candidate, too many, one named twice, or none
    /// with a weight. The order of the candidates does not matter.
    public init?(
        apply: Bytes32, name: GroupName, slices: UInt32, candidates: [Placement.Candidate],
        hashedBy witness: some Witness
    ) {
        let sorted = candidates.sorted { $0.partition < $1.partition }
        guard (1...Placement.slicesMax).contains(slices), (1...SliceLimits.candidatesMax).contains(sorted.count),
            sorted.contains(where: { $0.weight > 0 }),
            zip(sorted, sorted.dropFirst()).allSatisfy({ $0.partition < $1.partition })
        else { return nil }
        (self.apply, self.name, self.slices, self.candidates) = (apply, name, slices, sorted)
        id = GroupID(apply: apply, name: name, hashedBy: witness)
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.raw(SliceGenesis.rootDomain)
        SliceGenesis.encode(apply, name, slices, sorted, to: &encoder)
        root = witness.hash(encoder.bytes)
        owners = SliceGenesis.deal(slices, of: id, among: sorted)
    }

    /// Deals the slices out: to each candidate just what its weight gives it, which slices by their hash.
    ///
    /// A group begins balanced, so that the first plan has nothing to do. What the weights leave over goes to those
    /// with the largest remainder, of equals to the lower name.
    private static func deal(_ slices: UInt32, of group: GroupID, among candidates: [Placement.Candidate]) -> [UInt16] {
        var quotas = SliceGenesis.quotas(slices, among: candidates)
        let order = (0..<slices).map { (PlacementHash.value(SliceID(group: group, index: $0).placementKey), $0) }
            .sorted { $0 < $1 }
        var owners = [UInt16](repeating: 0, count: Int(slices))
        var place = 0
        for (_, index) in order {
            while place < quotas.count - 1, quotas[place] == 0 { place += 1 }
            quotas[place] = quotas[place] > 0 ? quotas[place] - 1 : 0
            owners[Int(index)] = UInt16(place)
        }
        return owners
    }

    /// How many slices each of the candidates owns at first, by place; they are by name, ascending. Zeros where none
    /// has a weight.
    public static func quotas(_ slices: UInt32, among candidates: [Placement.Candidate]) -> [UInt64] {
        let total = candidates.reduce(UInt64(0)) { $0 + UInt64(min($1.weight, Placement.weightMax)) }
        guard total > 0 else { return candidates.map { _ in 0 } }
        var quotas: [UInt64] = []
        var remainders: [(remainder: UInt64, place: Int)] = []
        for (place, candidate) in candidates.enumerated() {
            let share = UInt64(slices) * UInt64(min(candidate.weight, Placement.weightMax))
            quotas.append(share / total)
            remainders.append((share % total, place))
        }
        let left = Int(UInt64(slices) - quotas.reduce(0, +))
        remainders.sort { ($1.remainder, $0.place) < ($0.remainder, $1.place) }
        for (_, place) in remainders.prefix(left) { quotas[place] += 1 }
        return quotas
    }

    /// The first owner of a slice; nil where the group has no such slice.
    public func owner(of index: UInt32) -> PartitionName? {
        guard index < slices else { return nil }
        return candidates[Int(owners[Int(index)])].partition
    }

    /// The register of a slice before its first transition; nil where the group has no such slice.
    public func register(of index: UInt32, hashedBy witness: some Witness) -> SliceRegister? {
        guard let owner = owner(of: index) else { return nil }
        var encoder = CanonicalEncoder(capacity: 96)
        encoder.raw(SliceGenesis.baseDomain)
        encoder.fixed(root)
        encoder.integer(UInt64(index))
        let hash = witness.hash(encoder.bytes)
        return SliceRegister(slice: SliceID(group: id, index: index), owner: owner, position: 0, hash: hash)
    }

    /// Which of several definitions is in force, where two sides of a network split created groups of one name: the
    /// one of the lowest apply, then of the lowest root. The envoys of the others are to be moved. Independent of
    /// order; nil for none.
    public static func winner(among definitions: some Sequence<SliceGenesis>) -> SliceGenesis? {
        definitions.min { ($0.apply, $0.root) < ($1.apply, $1.root) }
    }

    private static func encode(
        _ apply: Bytes32, _ name: GroupName, _ slices: UInt32, _ candidates: [Placement.Candidate],
        to encoder: inout CanonicalEncoder
    ) {
        encoder.fixed(apply)
        encoder.text(name.text)
        encoder.integer(UInt64(slices))
        encoder.list(candidates) { encoder, candidate in
            encoder.text(candidate.partition.text)
            encoder.integer(UInt64(candidate.weight))
        }
    }

    /// Appends the canonical form: apply, name, slice count, candidates. Ids and hashes are computed again by whoever
    /// reads it.
    public func encode(to encoder: inout CanonicalEncoder) {
        SliceGenesis.encode(apply, name, slices, candidates, to: &encoder)
    }

    /// Reads what `encode(to:)` wrote; candidates out of order or beyond their limits are refused.
    public init(
        from decoder: inout CanonicalDecoder, hashedBy witness: some Witness
    ) throws(DecodingFailure) {
        let apply = try decoder.fixed()
        guard let name = GroupName(try decoder.text("group", limit: SliceLimits.nameBytesMax)) else {
            throw .invalid(what: "group name")
        }
        let count = try decoder.integer()
        let candidates = try decoder.list("candidates", limit: SliceLimits.candidatesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let partition = try PartitionName.read(&decoder)
            let weight = try decoder.integer()
            guard weight <= UInt64(Placement.weightMax) else { throw .invalid(what: "weight") }
            return Placement.Candidate(partition: partition, weight: UInt32(weight))
        }
        guard count <= UInt64(Placement.slicesMax),
            let value = SliceGenesis(
                apply: apply, name: name, slices: UInt32(count), candidates: candidates, hashedBy: witness)
        else { throw .invalid(what: "genesis of a group") }
        guard value.candidates == candidates else { throw .notCanonical(what: "candidates") }
        self = value
    }
}

extension PartitionName {
    /// Reads a partition's name.
    static func read(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> PartitionName {
        guard let name = PartitionName(try decoder.text("partition", limit: SliceLimits.nameBytesMax)) else {
            throw .invalid(what: "partition name")
        }
        return name
    }
}
