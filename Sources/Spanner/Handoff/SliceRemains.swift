public import CRDT

/// What a partition still holds of an envoy whose slice an operator gave to another: some of it, for the owner.
///
/// It is a union of rows, as a handoff's pieces are: taken twice it changes nothing, and results that the owner holds
/// by another way are the same.
public struct SliceRemains: Hashable, Sendable {
    /// Which part of what.
    public struct Mark: Hashable, Sendable {
        /// The slice, as the sender has it.
        public let slice: SliceID
        /// The envoy.
        public let envoy: PrincipalID
        /// Which part, from 0.
        public let part: UInt64

        /// A part of what is left of an envoy.
        public init(slice: SliceID, envoy: PrincipalID, part: UInt64) {
            (self.slice, self.envoy, self.part) = (slice, envoy, part)
        }
    }

    /// Which part.
    public let mark: Mark
    /// The rows, for the shells; at most `HandoffLimits.pieceBytesMax`.
    public let content: [UInt8]

    /// A part with its rows.
    public init(mark: Mark, content: [UInt8]) { (self.mark, self.content) = (mark, content) }
}

extension SliceRemains.Mark: CanonicalValue {
    /// Slice, envoy, part.
    public func encode(to encoder: inout CanonicalEncoder) {
        slice.encode(to: &encoder)
        encoder.raw(envoy.bytes)
        encoder.integer(part)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        slice = try SliceID(from: &decoder)
        guard let envoy = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        self.envoy = envoy
        part = try decoder.integer()
    }
}

extension SliceRemains: CanonicalValue {
    /// Mark, content.
    public func encode(to encoder: inout CanonicalEncoder) {
        mark.encode(to: &encoder)
        encoder.string(content)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        mark = try Mark(from: &decoder)
        content = try decoder.string("remains", limit: HandoffLimits.pieceBytesMax)
    }
}
