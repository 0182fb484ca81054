/// All that one writer sent and was told. Writers never drop a result, so nothing excuses a gap.
public struct WriterHistory: Hashable, Sendable, Codable {
    /// For people.
    public var name: String
    /// Its envoy's id, as the stores write it.
    public var envoy: String
    /// Its queue's incarnation, as the stores write it.
    public var queue: String
    /// Checksums of its results; the first is sequence 1.
    public var bodies: [UInt64]
    /// Its calls, one after the other.
    public var calls: [ClientCall]
    /// What it deleted, by the answers that it took for the present owner's.
    public var releasedThrough: UInt64
    /// Whether it was banned during the run: it need not get rid of what it holds then.
    public var isBanned: Bool

    /// A writer's history.
    public init(
        name: String, envoy: String, queue: String, bodies: [UInt64] = [], calls: [ClientCall] = [],
        releasedThrough: UInt64 = 0, isBanned: Bool = false
    ) {
        (self.name, self.envoy, self.queue, self.bodies) = (name, envoy, queue, bodies)
        (self.calls, self.releasedThrough, self.isBanned) = (calls, releasedThrough, isBanned)
    }
}

/// A ban that was acknowledged.
public struct BanRecord: Hashable, Sendable, Codable {
    /// Whose key.
    public var envoy: String
    /// The bolt that acknowledged it.
    public var bolt: String
    /// When the acknowledgement was there, by the run's clock.
    public var end: UInt64

    /// A ban.
    public init(envoy: String, bolt: String, end: UInt64) { (self.envoy, self.bolt, self.end) = (envoy, bolt, end) }
}

/// A banned envoy that tried again once the roster had converged.
public struct BanProbe: Hashable, Sendable, Codable {
    /// Who.
    public var envoy: String
    /// Where.
    public var bolt: String
    /// Whether the bolt took its report.
    public var isAccepted: Bool

    /// A try.
    public init(envoy: String, bolt: String, isAccepted: Bool) {
        (self.envoy, self.bolt, self.isAccepted) = (envoy, bolt, isAccepted)
    }
}

/// Checksum of a result's bytes: FNV-1a, 64 bits.
public enum BodyChecksum {
    /// The checksum.
    public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
