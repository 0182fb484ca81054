public import CRDT

/// Why bytes of a peer are no message. The link they came on is of no further use: where the next frame would begin is
/// not known, or the peer cannot be trusted to say.
public enum FrameError: Error, Equatable, Sendable {
    /// The frame is longer than `GossipLimits.frameBytesMax`; nothing of it was kept.
    case tooLong(bytes: UInt64)
    /// Type or length are not written in their shortest form, or over 64 bits.
    case badHeader
    /// The body is not the canonical form of a message of this kind.
    case badBody(kind: UInt64, DecodingFailure)

    /// One line for a log.
    public var summary: String {
        switch self {
        case .tooLong(let bytes): "frame of \(bytes) bytes, at most \(WireLimits.bodyBytesMax)"
        case .badHeader: "frame header is not canonical"
        case .badBody(let kind, let failure): "message of kind \(kind): \(failure)"
        }
    }
}
