import CRDT
import Spanner

/// Messages of every kind, from a seed.
struct WireSamples {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    mutating func fixed() -> Bytes32 {
        Bytes32(words: (generator.next(), generator.next(), generator.next(), generator.next()))
    }

    mutating func replica() -> ReplicaID { ReplicaID(key: fixed(), incarnation: generator.next()) }

    mutating func dot() -> Dot { Dot(replica(), 1 + generator.below(Dot.counterMax)) }

    mutating func run() -> SignedRun {
        let bodies = (0...generator.below(4)).map { _ in bytes(Int(generator.below(200))) }
        return SignedRun(
            replica: replica(), first: 1 + generator.below(1000), bodies: bodies, signature: bytes(64))
    }

    mutating func hello() -> GossipMessage.Hello {
        GossipMessage.Hello(
            versionMin: 1, versionMax: 1 + UInt32(generator.below(5)), mesh: MeshID(fixed()), replica: replica(),
            bolt: PrincipalID(high: generator.next(), low: generator.next()), features: generator.next())
    }

    mutating func fork() -> ForkProof {
        let stories = [1, 2].map { (first: UInt8) in
            ForkProof.Story(
                bodies: [[first] + bytes(40)] + (0..<generator.below(3)).map { _ in bytes(9) }, signature: bytes(64))
        }
        return ForkProof(
            replica: replica(), agreedThrough: generator.below(1000), base: fixed(), stories[1], stories[0])
    }

    /// One message of each kind.
    mutating func all() -> [GossipMessage] {
        var vector = VersionVector()
        for _ in 0..<generator.below(6) { vector[replica()] = 1 + generator.below(1 << 40) }
        let ranges = (0..<generator.below(5)).map { _ in
            GossipMessage.WantedRange(replica: replica(), after: generator.below(1 << 40))
        }
        let reason = RejectReason.allCases[Int(generator.below(UInt64(RejectReason.allCases.count)))]
        return [
            .hello(hello()), .context(digest: fixed(), vector: nil), .context(digest: fixed(), vector: vector),
            .want(ranges), .events((0..<generator.below(4)).map { _ in run() }),
            .durable((0..<generator.below(4)).map { _ in dot() }), .reject(dot(), reason), .fork(fork()), .ping,
            .unknown(kind: 1000 + generator.below(1000)),
        ]
    }
}
