public import CRDT

/// One version of the mesh's topology, as an operator applied it: the document, the version that it changes, and the
/// groups that it creates with the partitions among which their first owners are drawn.
///
/// What the document says beyond that is for the shells: it is kept here as bytes.
public struct TopologyApply: Hashable, Sendable {
    /// A group that an apply creates.
    public struct Group: Hashable, Sendable {
        /// Its name.
        public let name: GroupName
        /// How many slices it has, for ever: 1...`Placement.slicesMax`.
        public let slices: UInt32
        /// Who could own one at first, by name, ascending, each once.
        public let candidates: [Placement.Candidate]

        /// A group with the first candidates for its slices.
        public init(name: GroupName, slices: UInt32, candidates: [Placement.Candidate]) {
            (self.name, self.slices) = (name, slices)
            self.candidates = candidates.sorted { $0.partition < $1.partition }
        }
    }

    /// Hash of all the rest: the version's name.
    public let id: Bytes32
    /// The apply that it changes; zero for the first.
    public let base: Bytes32
    /// The plan that the operator looked at; zero where there was none.
    public let plan: Bytes32
    /// When, by the clock of the bolt that took it: for people.
    public let at: WallTime
    /// Who asked for it: `operator/ada`. At most `TopologyApplyLimits.actorBytesMax` bytes.
    public let actor: String
    /// The topology as the shells write it; at most `TopologyApplyLimits.documentBytesMax` bytes.
    public let document: [UInt8]
    /// Groups that it creates, by name, ascending, each once.
    public let groups: [Group]

    private static let domain = Array("bolt topology apply v1".utf8)

    /// An apply. Nil where something is over its limit, or a group is named twice or could have no owner.
    public init?(
        base: Bytes32, plan: Bytes32, at: WallTime, actor: String, document: [UInt8], groups: [Group],
        hashedBy witness: some Witness
    ) {
        let sorted = groups.sorted { $0.name < $1.name }
        guard document.count <= TopologyApplyLimits.documentBytesMax,
            actor.utf8.count <= TopologyApplyLimits.actorBytesMax,
            sorted.count <= TopologyApplyLimits.groupsMax,
            zip(sorted, sorted.dropFirst()).allSatisfy({ $0.name < $1.name }),
            sorted.allSatisfy({ TopologyApply.canBegin($0, hashedBy: witness) })
        else { return nil }
        (self.base, self.plan, self.at, self.actor) = (base, plan, at, actor)
        (self.document, self.groups) = (document, sorted)
        var encoder = CanonicalEncoder(capacity: document.count + 1024)
        TopologyApply.encode(base, plan, at, actor, document, sorted, to: &encoder)
        id = TopologyApply.id(of: encoder.bytes, witness)
    }

    private static func canBegin(_ group: Group, hashedBy witness: some Witness) -> Bool {
        SliceGenesis(
            apply: .zero, name: group.name, slices: group.slices, candidates: group.candidates, hashedBy: witness)
            != nil
    }

    /// The name of the apply with these bytes.
    static func id(of bytes: [UInt8], _ witness: some Witness) -> Bytes32 { witness.hash(domain + bytes) }

    /// How the groups that it creates begin.
    public func geneses(hashedBy witness: some Witness) -> [SliceGenesis] {
        groups.compactMap {
            SliceGenesis(
                apply: id, name: $0.name, slices: $0.slices, candidates: $0.candidates, hashedBy: witness)
        }
    }

    // MARK: - Bytes

    /// The canonical form.
    public var bytes: [UInt8] {
        var encoder = CanonicalEncoder(capacity: document.count + 1024)
        TopologyApply.encode(base, plan, at, actor, document, groups, to: &encoder)
        return encoder.bytes
    }

    private static func encode(
        _ base: Bytes32, _ plan: Bytes32, _ at: WallTime, _ actor: String, _ document: [UInt8], _ groups: [Group],
        to encoder: inout CanonicalEncoder
    ) {
        encoder.fixed(base)
        encoder.fixed(plan)
        encoder.integer(at.milliseconds)
        encoder.text(actor)
        encoder.string(document)
        encoder.list(groups) { encoder, group in
            encoder.text(group.name.text)
            encoder.integer(UInt64(group.slices))
            encoder.list(group.candidates) { encoder, candidate in
                encoder.text(candidate.partition.text)
                encoder.integer(UInt64(candidate.weight))
            }
        }
    }

    /// Reads what `bytes` wrote; anything else is refused.
    public init(_ bytes: [UInt8], hashedBy witness: some Witness) throws(DecodingFailure) {
        var decoder = CanonicalDecoder(bytes)
        let base = try decoder.fixed()
        let plan = try decoder.fixed()
        let at = WallTime(milliseconds: try decoder.integer())
        let actor = try decoder.text("actor", limit: TopologyApplyLimits.actorBytesMax)
        let document = try decoder.string("topology", limit: TopologyApplyLimits.documentBytesMax)
        let groups = try decoder.list("groups", limit: TopologyApplyLimits.groupsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try TopologyApply.readGroup(&decoder)
        }
        try decoder.finish()
        let apply = TopologyApply(
            base: base, plan: plan, at: at, actor: actor, document: document, groups: groups, hashedBy: witness)
        guard let apply else { throw .invalid(what: "topology apply") }
        guard apply.bytes == bytes else { throw .notCanonical(what: "topology apply") }
        self = apply
    }

    private static func readGroup(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> Group {
        guard let name = GroupName(try decoder.text("group", limit: SliceLimits.nameBytesMax)) else {
            throw .invalid(what: "group name")
        }
        let slices = try decoder.integer()
        guard slices <= UInt64(Placement.slicesMax) else { throw .invalid(what: "number of slices") }
        let candidates = try decoder.list("candidates", limit: SliceLimits.candidatesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let partition = try PartitionName.read(&decoder)
            let weight = try decoder.integer()
            guard weight <= UInt64(Placement.weightMax) else { throw .invalid(what: "weight") }
            return Placement.Candidate(partition: partition, weight: UInt32(weight))
        }
        return Group(name: name, slices: UInt32(slices), candidates: candidates)
    }

    /// The events that carry it: each holds as much of its bytes as one event may.
    public var parts: [TopologyPart] {
        let bytes = bytes
        let size = TopologyApplyLimits.partBytesMax
        let count = (bytes.count + size - 1) / size
        return (0..<count).map { number in
            TopologyPart(
                apply: id, number: UInt32(number), count: UInt32(count),
                bytes: Array(bytes[(number * size)..<min(bytes.count, (number + 1) * size)]))
        }
    }
}

/// Bounds of what an apply says.
public enum TopologyApplyLimits {
    /// Bytes of the document.
    public static let documentBytesMax = 1024 * 1024
    /// Bytes of the actor's name.
    public static let actorBytesMax = 255
    /// Groups that one apply creates.
    public static let groupsMax = 256
    /// Bytes of an apply that one event carries.
    public static let partBytesMax = 12 * 1024
    /// Events that carry one apply: the document and the candidates of its groups.
    public static let partsMax = 4096
}

/// A part of an apply, as one event carries it.
public struct TopologyPart: Hashable, Sendable {
    /// Which apply.
    public let apply: Bytes32
    /// Which part, from 0.
    public let number: UInt32
    /// Of how many.
    public let count: UInt32
    /// 1...`TopologyApplyLimits.partBytesMax` bytes.
    public let bytes: [UInt8]

    init(apply: Bytes32, number: UInt32, count: UInt32, bytes: [UInt8]) {
        (self.apply, self.number, self.count, self.bytes) = (apply, number, count, bytes)
    }
}

extension TopologyPart: CanonicalValue {
    /// Apply, number, count, bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(apply)
        encoder.integer(UInt64(number))
        encoder.integer(UInt64(count))
        encoder.string(bytes)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        apply = try decoder.fixed()
        let (number, count) = (try decoder.integer(), try decoder.integer())
        guard number < count, count <= UInt64(TopologyApplyLimits.partsMax) else {
            throw .invalid(what: "part of a topology")
        }
        (self.number, self.count) = (UInt32(number), UInt32(count))
        bytes = try decoder.string("part", limit: TopologyApplyLimits.partBytesMax)
        guard !bytes.isEmpty else { throw .invalid(what: "empty part") }
    }
}
