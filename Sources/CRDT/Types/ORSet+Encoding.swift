extension ORSet: CanonicalValue {
    /// The encoding that stands alone: equal sets give equal bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        var table = ReplicaTable()
        encode(to: &encoder, naming: &table)
    }

    /// The encoding for a stream in which replicas have short names: a removal takes about 10 bytes, an addition about
    /// 6 and the element.
    public func encode(to encoder: inout CanonicalEncoder, naming table: inout ReplicaTable) {
        store.encode(under: context, to: &encoder, naming: &table) { encoder, row in row.key.encode(to: &encoder) }
    }

    /// Reads an encoding that stands alone, within the limits of one message.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        var table = ReplicaTable()
        try self.init(from: &decoder, naming: &table, limits: .message)
    }

    /// Reads a set within `limits`. Anything that `encode` does not write throws; nothing is allocated beyond what the
    /// input pays for.
    public init(
        from decoder: inout CanonicalDecoder, naming table: inout ReplicaTable, limits: DecodingLimits,
        hashKey: SipKey = .zero
    ) throws(DecodingFailure) {
        self.init(hashKey: hashKey)
        store = try KeyedColumns(
            from: &decoder, naming: &table, limits: limits, hashKey: hashKey, context: &context
        ) { decoder throws(DecodingFailure) in Member(key: try Element(from: &decoder)) }
    }
}
