import CRDT
import Testing

@testable import Spanner

@Suite("Journal: chain, encodings, fork")
struct PartitionLogTests {
    static let chain = JournalChain(witness: ChainWitness())
    static func disk(_ number: UInt8) -> ReplicaID {
        ReplicaID(key: ChainWitness().hash([number]), incarnation: UInt64(number))
    }

    /// A log with a random history of epochs: begin records and commands.
    static func grow(
        _ records: inout [JournalRecord], from tip: LogPoint, by count: Int, author: UInt8,
        _ generator: inout SeededGenerator
    ) -> LogPoint {
        var (tip, number) = (tip, tip.epoch.number)
        for index in 0..<count {
            let content: JournalRecord.Content
            var epoch = tip.epoch
            if index == 0 || generator.below(5) == 0 {
                number += 1 + generator.below(2)
                epoch = PartitionEpoch(number: number, minter: disk(author), renewal: generator.below(3))
                content = .control(
                    .begin(
                        PartitionBegin(
                            operation: OperationID(PrincipalID(high: 1, low: generator.next())), cause: .failover,
                            basis: tip, promisedBy: [disk(1), disk(2)].sorted(), acceptedLoss: nil,
                            configuration: PartitionConfiguration(
                                members: [disk(1), disk(2), disk(3)], inSync: [disk(author)])))
                )
            } else {
                content = .commands([[UInt8(truncatingIfNeeded: generator.next())], []])
            }
            let record = JournalRecord(
                epoch: epoch, position: tip.position + 1, previous: tip.hash, content: content)
            #expect(chain.isFollowing(record, tip))
            records.append(record)
            tip = chain.point(of: record)
        }
        return tip
    }

    static func history(_ records: [JournalRecord], _ genesis: LogPoint) -> EpochHistory {
        var history = EpochHistory(begins: [], tip: genesis)
        for record in records { history.append(chain.point(of: record), begins: record.isBegin) }
        return history
    }

    static let genesis = LogPoint(
        epoch: .none, position: 0, hash: chain.genesis(mesh: MeshID(Bytes32.zero), partition: "east"))

    @Test("Two logs part exactly where the fork by epochs says (P4)", arguments: 0..<200 as Range<UInt64>)
    func fork(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var common: [JournalRecord] = []
        let shared = PartitionLogTests.grow(
            &common, from: PartitionLogTests.genesis, by: Int(generator.below(12)), author: 3, &generator)
        var (left, right) = (common, common)
        _ = PartitionLogTests.grow(&left, from: shared, by: Int(generator.below(8)), author: 1, &generator)
        _ = PartitionLogTests.grow(&right, from: shared, by: Int(generator.below(8)), author: 2, &generator)
        // One of them may also be a mere prefix, ending within an epoch.
        if generator.below(3) == 0 { right = Array(left.prefix(Int(generator.below(UInt64(left.count + 1))))) }
        let truth = UInt64(zip(left, right).prefix { $0 == $1 }.count)
        let (one, other) = (
            PartitionLogTests.history(left, PartitionLogTests.genesis),
            PartitionLogTests.history(right, PartitionLogTests.genesis)
        )
        let expected: EpochHistory.Fork =
            truth == 0 && !left.isEmpty && !right.isEmpty ? .unknown : .after(truth)
        #expect(one.fork(with: other) == expected, "seed \(seed)")
        #expect(other.fork(with: one) == expected, "seed \(seed)")
        for record in left { #expect(one.epoch(at: record.position) == record.epoch, "seed \(seed)") }
    }

    @Test("Records survive their encoding, and every cut of it is refused", arguments: 0..<40 as Range<UInt64>)
    func encoding(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var records: [JournalRecord] = []
        let tip = PartitionLogTests.grow(&records, from: PartitionLogTests.genesis, by: 6, author: 1, &generator)
        let epoch = tip.epoch
        let operation = OperationID(PrincipalID(high: generator.next(), low: generator.next()))
        for control in [
            PartitionControl.handover(operation, to: PartitionLogTests.disk(2)), .handoverCancelled(operation),
            .configuration(
                PartitionConfiguration(members: [PartitionLogTests.disk(1)], inSync: [PartitionLogTests.disk(1)])),
        ] {
            records.append(
                JournalRecord(epoch: epoch, position: 9, previous: tip.hash, content: .control(control)))
        }
        for record in records {
            let bytes = record.canonicalBytes
            var decoder = CanonicalDecoder(bytes)
            let decoded = try JournalRecord(from: &decoder)
            try decoder.finish()
            #expect(decoded == record, "seed \(seed)")
            for length in 0..<bytes.count {
                #expect(throws: DecodingFailure.self, "seed \(seed)") {
                    var decoder = CanonicalDecoder(bytes.prefix(length))
                    _ = try JournalRecord(from: &decoder)
                    try decoder.finish()
                }
            }
        }
    }

    @Test("A hello survives its encoding")
    func hello() throws {
        let cluster = PartitionCluster.founded(3)
        for bolt in cluster.bolts {
            guard let hello = bolt.machine?.hello() else { continue }
            var decoder = CanonicalDecoder(hello.canonicalBytes)
            #expect(try PartitionHello(from: &decoder) == hello)
            try decoder.finish()
        }
    }

    @Test("One altered bit anywhere in a record breaks the chain behind it (D4)")
    func chainBreaks() throws {
        var generator = SeededGenerator(seed: 1)
        var records: [JournalRecord] = []
        _ = PartitionLogTests.grow(&records, from: PartitionLogTests.genesis, by: 4, author: 1, &generator)
        let bytes = records[1].canonicalBytes
        for bit in 0..<bytes.count * 8 {
            var altered = bytes
            altered[bit / 8] ^= 1 << (bit % 8)
            var decoder = CanonicalDecoder(altered)
            guard let record = try? JournalRecord(from: &decoder) else { continue }
            let run = [records[0], record] + records[2...]
            #expect(PartitionLogTests.chain.tip(after: PartitionLogTests.genesis, run) == nil, "bit \(bit)")
        }
    }

    @Test("Two partitions, or two meshes, have no chain in common")
    func genesisDiffers() {
        let chain = PartitionLogTests.chain
        let mesh = MeshID(Bytes32.zero)
        #expect(chain.genesis(mesh: mesh, partition: "east") != chain.genesis(mesh: mesh, partition: "west"))
        let other = MeshID(Bytes32(words: (0, 0, 0, 1)))
        #expect(chain.genesis(mesh: mesh, partition: "east") != chain.genesis(mesh: other, partition: "east"))
    }
}

@Suite("Words between bolts of a partition")
struct PartitionMessageTests {
    static func examples() -> [PartitionMessage] {
        let cluster = PartitionCluster.founded(3)
        let (disk, other) = (cluster.bolts[0].disk, PartitionLogTests.disk(9))
        guard let hello = cluster.bolts[0].machine?.hello() else { return [] }
        let (operation, epoch, tip) = (PartitionCluster.operation(5), disk.tip.epoch, disk.tip)
        return [
            .hello(hello), .append(epoch: epoch, after: disk.points[0], records: disk.records, safe: 300),
            .append(epoch: epoch, after: tip, records: [], safe: 0), .durable(epoch: epoch, tip),
            .mismatch(epoch: epoch.renewed, hello), .cut(epoch: epoch, disk.points[1], of: tip),
            .snapshot(epoch: epoch, tip, bytes: 1 << 40, digest: tip.hash), .survey(operation),
            .surveyed(operation, hello), .promiseMe(operation, epoch, .failover),
            .promised(operation, epoch.renewed, before: epoch, hello),
            .declined(operation, epoch, .primaryLives(other)), .declined(operation, epoch, .outbid(epoch)),
            .declined(operation, epoch, .notMember), .declined(operation, epoch, .forgetful),
            .declined(operation, epoch, .storage), .declined(operation, epoch, .absurd),
            .fetch(operation, from: 7), .fetched(operation, disk.records), .acquaint, .acquainted(hello),
            .takeOver(operation, tip),
        ]
    }

    @Test("Each message survives its encoding, and every cut of it is refused")
    func roundTrip() throws {
        let examples = PartitionMessageTests.examples()
        #expect(examples.count == 22)
        for message in examples {
            let bytes = message.canonicalBytes
            var decoder = CanonicalDecoder(bytes)
            #expect(try PartitionMessage(from: &decoder) == message)
            try decoder.finish()
            for length in 0..<bytes.count {
                #expect(throws: DecodingFailure.self) {
                    var decoder = CanonicalDecoder(bytes.prefix(length))
                    _ = try PartitionMessage(from: &decoder)
                    try decoder.finish()
                }
            }
        }
    }

    @Test("Altered words are refused or other words; no machine traps on them, whoever says them")
    func altered() {
        var generator = SeededGenerator(seed: 11)
        var cluster = PartitionCluster.founded(3)
        for message in PartitionMessageTests.examples() {
            let bytes = message.canonicalBytes
            for _ in 0..<60 {
                var altered = bytes
                for _ in 0...generator.below(3) {
                    altered[Int(generator.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: generator.next())
                }
                var decoder = CanonicalDecoder(altered)
                guard let other = try? PartitionMessage(from: &decoder) else { continue }
                cluster.step(Int(generator.below(3)), .received(other, on: LinkID(generator.below(48))))
                cluster.deliver(50)
            }
        }
        let broken = cluster.broken.filter { $0.hasPrefix("P") }
        #expect(broken == [])
    }
}
