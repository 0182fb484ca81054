public import CRDT

extension Admission {
    /// This admission by itself, outside any event: what a partition keeps of one that a token was spent on.
    public var standaloneBytes: [UInt8] {
        var encoder = CanonicalEncoder(capacity: 256)
        EventCodec.encode(self, own: nil, to: &encoder)
        return encoder.bytes
    }

    /// Reads what `standaloneBytes` gave; anything else throws.
    public init(standaloneBytes bytes: [UInt8]) throws(DecodingFailure) {
        var decoder = CanonicalDecoder(bytes)
        self = try EventCodec.decodeAdmission(own: nil, &decoder)
        try decoder.finish()
    }
}
