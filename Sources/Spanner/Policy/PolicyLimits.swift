/// Bounds of what envoys are given and told to do.
public enum PolicyLimits {
    /// Siblings of one path: a tree of 2^40 leaves.
    public static let pathMax = 40
    /// Bytes of the name that a source gives a version: a commit, an operator's word.
    public static let revisionBytesMax = 200
    /// Bytes of a head with its signature and certificates.
    public static let headBytesMax = 18 * 1024
    /// Bytes of a grant: a head, a leaf, a path.
    public static let grantBytesMax = 20 * 1024
    /// Bytes of a beacon with its signature and certificates.
    public static let beaconBytesMax = 18 * 1024
    /// Bytes of an order with its signature and certificates.
    public static let orderBytesMax = 18 * 1024
    /// Bytes of the secrets of one envoy before they are sealed.
    public static let secretsBytesMax = 64 * 1024
    /// Bytes of the secrets of one envoy, sealed: libsodium's sealed box adds 48.
    public static let boxBytesMax = secretsBytesMax + 48
    /// Seconds between two beacons of one owner.
    public static let beaconSeconds: UInt64 = 30
    /// Seconds for which a beacon is fresh.
    public static let beaconValidSeconds: UInt64 = 120
    /// Longest life of an order in seconds: what was not begun by then is not begun any more.
    public static let orderSecondsMax: UInt64 = 24 * 3600
    /// Longest age in seconds after which a policy may be made to expire: 100 years.
    public static let ageSecondsMax: UInt64 = 100 * 366 * 24 * 3600
    /// How many seconds the clock of an envoy may be behind that of its owner before it cannot tell an age.
    public static let clockSkewSeconds: UInt64 = 300
    /// Partitions whose places an envoy remembers; of more, the one heard of longest ago is forgotten.
    public static let sightPartitionsMax = 8
    /// Machines in one effect that gives a version.
    public static let giveMax = 1024
    /// Machines of one push.
    public static let pushEnvoysMax = 1 << 20
    /// Longest time in seconds that a push waits for one batch.
    public static let pushSecondsMax: UInt64 = 24 * 3600
}
