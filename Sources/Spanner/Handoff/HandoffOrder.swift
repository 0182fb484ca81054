public import CRDT

/// Which handoff. Each attempt has an id of its own, so that what an earlier one left behind cannot be taken for this
/// one's.
public struct HandoffID: LatticeElement, CustomStringConvertible {
    /// The id.
    public let bytes: Bytes32

    private static let domain = Array("bolt handoff v1".utf8)

    /// The handoff with this id.
    public init(_ bytes: Bytes32) { self.bytes = bytes }

    /// The id of an attempt at a move of a task.
    public init(
        task: PrincipalID, move: UInt32, isReverse: Bool, attempt: UInt32, hashedBy witness: some Witness
    ) {
        var encoder = CanonicalEncoder(capacity: 64)
        encoder.raw(HandoffID.domain)
        encoder.raw(task.bytes)
        encoder.integer(UInt64(move))
        encoder.flag(isReverse)
        encoder.integer(UInt64(attempt))
        bytes = witness.hash(encoder.bytes)
    }

    /// By the bytes.
    public static func < (left: HandoffID, right: HandoffID) -> Bool { left.bytes < right.bytes }
    /// The first eight hexadecimal digits, for people.
    public var description: String { bytes.shortHex }
    /// The 32 bytes.
    public func encode(to encoder: inout CanonicalEncoder) { encoder.fixed(bytes) }
    /// Reads 32 bytes.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) { bytes = try decoder.fixed() }
}

/// What is to be done: this slice, from the owner of this register, to that partition.
public struct HandoffOrder: Hashable, Sendable {
    /// Which attempt.
    public let id: HandoffID
    /// The register that ends; its owner is the source.
    public let register: SliceRegister
    /// The target; never the source.
    public let to: PartitionName

    /// An order; nil where the target is the source.
    public init?(id: HandoffID, register: SliceRegister, to: PartitionName) {
        guard to != register.owner else { return nil }
        (self.id, self.register, self.to) = (id, register, to)
    }

    /// The slice.
    public var slice: SliceID { register.slice }
    /// The source.
    public var from: PartitionName { register.owner }

    /// Whether a transition is the one that this order leads to, with some seal.
    func leads(to transition: SliceTransition) -> Bool {
        SliceFamily.isValid(transition, after: register) && transition.to == to && transition.isHandOn
    }
}

extension HandoffOrder: CanonicalValue {
    /// Id, register, target.
    public func encode(to encoder: inout CanonicalEncoder) {
        id.encode(to: &encoder)
        register.encode(to: &encoder)
        encoder.text(to.text)
    }

    /// Reads what `encode(to:)` wrote; an order from a partition to itself is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let id = try HandoffID(from: &decoder)
        let register = try SliceRegister(from: &decoder)
        let to = try PartitionName.read(&decoder)
        guard let order = HandoffOrder(id: id, register: register, to: to) else {
            throw .invalid(what: "handoff to the same partition")
        }
        self = order
    }
}

/// What an operator sees of a slice at one partition.
public enum HandoffSliceState: String, Hashable, Sendable, CaseIterable {
    /// Served here.
    case active
    /// Ours by its register, and not served yet: what took it over is not safe, or nobody reigns.
    case waiting
    /// Served here, and on its way to another partition.
    case sending
    /// Ours, and not served: the target is about to hold everything.
    case sealed
    /// On its way here.
    case receiving
    /// Everything is here, safe and equal; the source may hand on.
    case held
    /// Handed on; our copy stays until the target serves.
    case sent
    /// The target serves; our copy is being removed.
    case garbage
    /// Nothing of it is here.
    case absent

    /// Whether it is served here, the moment of a seal included.
    public var isServed: Bool { self == .active || self == .sending || self == .sealed }
}
