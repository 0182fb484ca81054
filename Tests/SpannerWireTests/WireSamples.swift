import CRDT
import Spanner
import SpannerWire

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

/// Messages of the partition plane.
extension WireSamples {
    mutating func epoch() -> PartitionEpoch { PartitionEpoch(number: generator.below(1 << 40), minter: replica()) }

    mutating func point() -> LogPoint {
        LogPoint(epoch: epoch(), position: generator.below(1 << 40), hash: fixed())
    }

    mutating func operation() -> OperationID {
        OperationID(PrincipalID(high: generator.next(), low: generator.next()))
    }

    mutating func configuration() -> PartitionConfiguration {
        let members = (0...generator.below(4)).map { _ in replica() }
        return PartitionConfiguration(members: members, inSync: members.prefix(1 + Int(generator.below(3))))
    }

    mutating func partitionHello() -> PartitionHello {
        PartitionHello(
            partition: fixed(), promised: epoch(), tip: point(), safe: generator.below(1 << 40),
            history: (0..<generator.below(4)).map { _ in point() },
            configuration: generator.below(2) == 0 ? nil : configuration(),
            acquaintances: (0..<generator.below(3)).map { _ in replica() }.sorted(),
            isForgetful: generator.below(2) == 0, hears: generator.below(2) == 0 ? nil : replica())
    }

    mutating func record() -> JournalRecord {
        let begin = PartitionBegin(
            operation: operation(), cause: .promotion, basis: point(),
            promisedBy: (0..<generator.below(3)).map { _ in replica() }.sorted(),
            acceptedLoss: generator.below(2) == 0 ? nil : "positions 4 to 9", configuration: configuration())
        let contents: [JournalRecord.Content] = [
            .commands((0...generator.below(3)).map { _ in bytes(Int(generator.below(100))) }), .control(.begin(begin)),
            .control(.configuration(configuration())), .control(.handover(operation(), to: replica())),
            .control(.handoverCancelled(operation())),
        ]
        return JournalRecord(
            epoch: epoch(), position: 1 + generator.below(1 << 40), previous: fixed(),
            content: contents[Int(generator.below(UInt64(contents.count)))])
    }

    /// One message of each kind.
    mutating func partition() -> [PeerMessage] {
        let refusals: [PartitionOperationRefusalWire] = [
            .primaryLives(replica()), .outbid(epoch()), .notMember, .forgetful, .storage, .absurd,
        ]
        let records = (0..<generator.below(4)).map { _ in record() }
        let messages: [PartitionMessage] = [
            .hello(partitionHello()), .append(epoch: epoch(), after: point(), records: records, safe: 7),
            .durable(epoch: epoch(), point()), .mismatch(epoch: epoch(), partitionHello()),
            .cut(epoch: epoch(), point(), of: point()),
            .snapshot(epoch: epoch(), point(), bytes: 1 << 33, digest: fixed()),
            .survey(operation()), .surveyed(operation(), partitionHello()),
            .promiseMe(operation(), epoch(), .failover),
            .promised(operation(), epoch(), before: epoch(), partitionHello()),
            .declined(operation(), epoch(), refusals[Int(generator.below(UInt64(refusals.count)))]),
            .fetch(operation(), from: 3), .fetched(operation(), records), .acquaint, .acquainted(partitionHello()),
            .takeOver(operation(), point()),
        ]
        return messages.map { .partition($0) }
            + [.snapshotPiece(offset: 1 << 33, bytes(100)), .snapshotPiece(offset: 0, [])]
            + [.disk(incarnation: generator.next() | 1), .standing(standing())]
            + [.replay(generator.below(1 << 40), command: bytes(60)), .replay(0, command: [])]
            + [.expelled(banned: false), .expelled(banned: true)]
            + ReplayVerdict.allCases.map { .replayed(generator.below(1 << 40), $0) }
    }

    mutating func standing() -> PartitionStanding {
        let roles = PartitionStanding.Role.allCases
        let members = (0..<generator.below(4)).map { _ in
            PartitionStanding.Member(
                disk: replica(), isInSync: generator.below(2) == 0, isLinked: generator.below(2) == 0,
                acknowledged: generator.below(2) == 0 ? nil : generator.below(1 << 40))
        }
        return PartitionStanding(
            role: roles[Int(generator.below(UInt64(roles.count)))], isInSync: generator.below(2) == 0,
            isForgetful: generator.below(2) == 0, epoch: epoch(), promised: epoch(), tip: point(),
            safe: generator.below(1 << 40), disk: replica(), primary: generator.below(2) == 0 ? nil : replica(),
            members: members, reason: "the log says why",
            isSealed: generator.below(2) == 0, partedAt: generator.below(2) == 0 ? nil : generator.below(1 << 40))
    }

    /// One message of each kind, of both planes.
    mutating func everything() -> [PeerMessage] { all().map { .gossip($0) } + partition() + slices() }
}
