internal import Spanner

/// Bounds of the wire, beside those of `GossipLimits` and `RosterLimits`.
public enum WireLimits {
    /// Longest header of a frame: two integers of at most 10 bytes.
    public static let headerBytesMax = 20
    /// Longest body of a frame.
    public static let bodyBytesMax = GossipLimits.frameBytesMax - headerBytesMax
    /// Bytes of one signature.
    public static let signatureBytes = 64
    /// Bytes that opening words may carry behind those that are known here.
    public static let helloExtensionBytesMax = 1024
}
