public import CRDT
import Identity

/// Something sealed: ciphertext with the generation of its data key.
public struct SealedBox: Hashable, Sendable {
    /// Generation of the data key.
    public let generation: UInt64
    /// Nonce, ciphertext, tag.
    let box: [UInt8]

    /// Bytes of what is in it.
    public var plainCount: Int { box.count - AuthenticatedBox.overheadBytes }

    init(generation: UInt64, box: [UInt8]) { (self.generation, self.box) = (generation, box) }
}

extension SealedBox: CanonicalValue {
    /// Generation, then the bytes with their length.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(generation)
        encoder.string(box)
    }

    /// Reads what `encode(to:)` wrote; at most `VaultLimits.secretBytesMax` bytes can be in it.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        generation = try decoder.integer()
        box = try decoder.string(
            "sealed bytes", limit: VaultLimits.secretBytesMax + AuthenticatedBox.overheadBytes)
        guard box.count >= AuthenticatedBox.overheadBytes else { throw .truncated }
    }
}
