/// Bounds of everything that the roster accepts, from peers and from callers alike.
public enum RosterLimits {
    /// Events under one signature.
    public static let runEventsMax = 1024
    /// Bytes of one event's body.
    public static let eventBytesMax = 16 * 1024
    /// Bytes of one run's bodies.
    public static let runBytesMax = 256 * 1024
    /// Labels of one principal.
    public static let labelsMax = 32
    /// Bytes of a label's key.
    public static let labelKeyBytesMax = 63
    /// Bytes of a label's value.
    public static let labelValueBytesMax = 255
    /// Bytes of an address, `host:port`.
    public static let addressBytesMax = 280
    /// Dots that one event may name: targets, observed admissions.
    public static let dotsMax = 256
    /// Certificates of an author's chain.
    public static let chainCertificatesMax = 4
    /// Bytes of one certificate in DER.
    public static let certificateBytesMax = 4096
    /// Replicas that a context may name and a roster holds: bolts that ever were, times their incarnations. Below 2^15,
    /// the width of a place in a packed dot.
    public static let replicasMax = 4096
    /// Bytes of an act's reason.
    public static let reasonBytesMax = 512
    /// Keys named by one ban.
    public static let banKeysMax = 64
    /// Bytes of a key's hand-on proof: two public keys and two signatures.
    public static let proofBytesMax = 512
    /// Bytes of an event kind that is not known here.
    public static let unknownBytesMax = 15 * 1024
    /// Heads of run boundaries that are kept of each replica, to recognise a fork.
    public static let recentHeadsMax = 16
}
