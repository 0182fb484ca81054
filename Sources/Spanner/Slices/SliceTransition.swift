public import CRDT

/// One change of a slice's owner. It names the register that it ends, so that transitions form chains from the genesis
/// and no order of arrival matters; its own hash is the register that it begins.
public struct SliceTransition: Hashable, Sendable {
    /// Why the owner changes.
    public enum Cause: Hashable, Sendable {
        /// The owner itself hands on, after this seal.
        case handOn(seal: SliceSeal)
        /// An operator declares the owner dead: the act's id, which all slices of one act share, the instant by the
        /// operator's clock, and why, in at most `SliceLimits.reasonBytesMax` bytes.
        case takeover(act: PrincipalID, at: WallTime, reason: String)
    }

    /// The slice.
    public var slice: SliceID
    /// The register that ends: the genesis' hash, or that of the transition before.
    public var base: Bytes32
    /// Transitions up to and including this one.
    public var position: UInt64
    /// Who owned it.
    public var from: PartitionName
    /// Who owns it from here; never `from`.
    public var to: PartitionName
    /// Why.
    public var cause: Cause

    private static let hashDomain = Array("bolt slice transition v1".utf8)
    private static let handOnDomain = Array("bolt slice hand-on v1".utf8)
    private static let takeoverDomain = Array("bolt slice takeover v1".utf8)

    /// A transition that ends `register`. Nil where the new owner is the old one, or no position is left.
    public init?(ending register: SliceRegister, to: PartitionName, cause: Cause) {
        guard to != register.owner, register.position < UInt64.max else { return nil }
        if case .takeover(_, _, let reason) = cause, reason.utf8.count > SliceLimits.reasonBytesMax { return nil }
        (slice, base, position) = (register.slice, register.hash, register.position + 1)
        (from, self.to, self.cause) = (register.owner, to, cause)
    }

    /// Whether the owner itself handed on.
    public var isHandOn: Bool {
        switch cause {
        case .handOn: true
        case .takeover: false
        }
    }

    /// The seal of a hand-on; nil for a takeover.
    public var seal: SliceSeal? {
        switch cause {
        case .handOn(let seal): seal
        case .takeover: nil
        }
    }

    /// The register that this begins. Signatures are no part of it: the same transition signed twice is one.
    public func hash(by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 320)
        encoder.raw(SliceTransition.hashDomain)
        encode(to: &encoder)
        return witness.hash(encoder.bytes)
    }

    /// What is signed: a domain of its own for each cause, the mesh, the transition.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 352)
        encoder.raw(isHandOn ? SliceTransition.handOnDomain : SliceTransition.takeoverDomain)
        encoder.fixed(mesh.bytes)
        encode(to: &encoder)
        return encoder.bytes
    }

    /// The register after it, where `hash` is its hash.
    func register(hash: Bytes32) -> SliceRegister {
        SliceRegister(slice: slice, owner: to, position: position, hash: hash)
    }
}

extension SliceTransition: CanonicalValue {
    /// Slice, base, position, both owners, cause.
    public func encode(to encoder: inout CanonicalEncoder) {
        slice.encode(to: &encoder)
        encoder.fixed(base)
        encoder.integer(position)
        encoder.text(from.text)
        encoder.text(to.text)
        switch cause {
        case .handOn(let seal):
            encoder.byte(1)
            seal.encode(to: &encoder)
        case .takeover(let act, let at, let reason):
            encoder.byte(2)
            encoder.raw(act.bytes)
            encoder.integer(at.milliseconds)
            encoder.text(reason)
        }
    }

    /// Reads what `encode(to:)` wrote; one that leads from a partition to itself, or to position 0, is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        slice = try SliceID(from: &decoder)
        base = try decoder.fixed()
        position = try decoder.integer()
        from = try PartitionName.read(&decoder)
        to = try PartitionName.read(&decoder)
        guard position > 0 else { throw .invalid(what: "position of a transition") }
        guard from != to else { throw .invalid(what: "transition to the same partition") }
        switch try decoder.byte() {
        case 1: cause = .handOn(seal: try SliceSeal(from: &decoder))
        case 2:
            guard let act = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
            let at = WallTime(milliseconds: try decoder.integer())
            let reason = try decoder.text("reason", limit: SliceLimits.reasonBytesMax)
            cause = .takeover(act: act, at: at, reason: reason)
        default: throw .invalid(what: "cause of a transition")
        }
    }
}
