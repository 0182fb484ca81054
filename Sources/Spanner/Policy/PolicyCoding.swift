internal import CRDT

/// What the values of this folder have in common on their way.
enum PolicyCoding {
    /// Whether a key that the mesh certifies for this partition signed the message. Depends on nothing else: neither on
    /// who handed the bytes over, nor on when.
    static func isSigned(
        _ message: [UInt8], by partition: PartitionName, warrant: SliceWarrant, signature: [UInt8],
        witness: some SliceWitness
    ) -> Bool {
        guard signature.count == SliceLimits.signatureBytes,
            let author = witness.partition(certifiedBy: warrant.chain), author.partition == partition
        else { return false }
        return witness.verify(signature: signature, over: message, by: author.signingKey)
    }

    static func envoy(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> PrincipalID {
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        return id
    }

    static func time(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> WallTime {
        WallTime(milliseconds: try decoder.integer())
    }

    /// Reads a whole value and nothing behind it from at most `limit` bytes.
    static func read<Value: CanonicalValue>(
        _ what: String, _ bytes: [UInt8], limit: Int
    ) throws(DecodingFailure) -> Value {
        guard bytes.count <= limit else { throw .overLimit(what: what, value: UInt64(bytes.count), limit: limit) }
        var decoder = CanonicalDecoder(bytes)
        let value = try Value(from: &decoder)
        try decoder.finish()
        return value
    }
}
