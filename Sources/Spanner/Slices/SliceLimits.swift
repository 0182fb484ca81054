/// Bounds of registers and of what peers may say of them.
public enum SliceLimits {
    /// Partitions among which a group's first owners are drawn.
    public static let candidatesMax = 1024
    /// Transitions kept of one slice: more than one hand-over a day for ten years. Further ones are refused and shown.
    public static let transitionsPerSliceMax = 4096
    /// Transitions of one delta.
    public static let deltaTransitionsMax = 4096
    /// Distinct certificate chains of one delta.
    public static let deltaWarrantsMax = 256
    /// Certificates of one chain.
    public static let chainCertificatesMax = 4
    /// Bytes of one certificate.
    public static let certificateBytesMax = 4096
    /// Bytes of a signature (Ed25519).
    public static let signatureBytes = 64
    /// Bytes of an operator's reason.
    public static let reasonBytesMax = 1024
    /// Transitions that prove one claim to an envoy, on both branches together.
    public static let proofMax = 256
    /// Transitions that one answer to an envoy brings; where more are needed it is led on, answer by answer.
    public static let voucherTransitionsMax = 64
    /// Bytes of a voucher: what an answer to an envoy may bring of its owner.
    public static let voucherBytesMax = 256 * 1024
    /// Bytes of a partition's name.
    public static let nameBytesMax = MeshNames.labelBytesMax
}
