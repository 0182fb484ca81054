import CRDT
import Identity
import Spanner
import Testing

@testable import Vault

/// S4: what is sealed opens where it was sealed, as it was, and nowhere else.
@Suite("Vault: laws of sealing")
struct SealingLawTests {
    @Test("what is sealed is opened as it was, for sizes and rows of all kinds", arguments: [UInt64(1), 2, 3])
    func roundTrip(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (vault, _) = try Sample.vault()
        let edges = [0, 1, 15, 16, 17, 63, 64, 65, 4096, VaultLimits.secretBytesMax]
        for size in edges + (0..<60).map({ _ in Int(generator.below(2000)) }) {
            let plain = Sample.bytes(size, &generator)
            let row = try SealedRow(.secrets, Sample.bytes(1 + Int(generator.below(64)), &generator))
            let sealed = try vault.seal(SecretBytes(plain), as: row)
            #expect(sealed.plainCount == size)
            var decoder = CanonicalDecoder(sealed.canonicalBytes)
            let read = try SealedBox(from: &decoder)
            try decoder.finish()
            #expect(read == sealed)
            #expect(try vault.open(read, as: row).copy == plain, "seed \(seed), size \(size)")
        }
    }

    @Test("S4: no bit of a box can be turned", arguments: [0, 1, 33, 200])
    func everyBit(size: Int) throws {
        var generator = SeededGenerator(seed: UInt64(size))
        let (vault, _) = try Sample.vault()
        let row = try Sample.row("db/password")
        let sealed = try vault.seal(SecretBytes(Sample.bytes(size, &generator)), as: row)
        for bit in 0..<(size + AuthenticatedBox.overheadBytes) * 8 {
            #expect(code { _ = try vault.open(sealed.flipped(bit), as: row) } == .rowDamaged, "bit \(bit)")
        }
        for count in [0, 1, 39, size + 39] {
            let cut = SealedBox(generation: 1, box: Array(sealed.box.prefix(count)))
            #expect(code { _ = try vault.open(cut, as: row) } == .rowDamaged)
        }
        let longer = SealedBox(generation: 1, box: sealed.box + [0])
        #expect(code { _ = try vault.open(longer, as: row) } == .rowDamaged)
    }

    @Test("S4: two rows exchanged open neither; nor does another table, partition, mesh or generation")
    func movedRows() throws {
        let (vault, _) = try Sample.vault()
        let (left, right) = (try Sample.row("left"), try Sample.row("right"))
        let one = try vault.seal(SecretBytes([1]), as: left)
        let two = try vault.seal(SecretBytes([2]), as: right)
        #expect(code { _ = try vault.open(one, as: right) } == .rowDamaged)
        #expect(code { _ = try vault.open(two, as: left) } == .rowDamaged)
        #expect(code { _ = try vault.open(one, as: Sample.row("left", .partitionKeys)) } == .rowDamaged)
        try vault.adopt(vault.rotated())
        let renamed = SealedBox(generation: 2, box: one.box)
        #expect(code { _ = try vault.open(renamed, as: left) } == .rowDamaged)
        #expect(try vault.open(one, as: left).copy == [1])
    }

    /// The contexts themselves, under one and the same key: not only the keys keep partitions apart.
    @Test("S2, S4: mesh, partition, table, row and generation are each bound, and can't run into one another")
    func contextsDiffer() throws {
        let key = SecretBytes.random(AuthenticatedBox.keyBytes)
        var contexts: [[UInt8]] = []
        for mesh: UInt64 in [1, 2] {
            for partition in ["a", "ab"] {
                for table in ["b", "ab", "secrets"] {
                    for record in ["a", "b", "ba", "a\u{1}"] {
                        for generation: UInt64 in [1, 2, 300] {
                            let row = try Sample.row(record, SealedTable(rawValue: table))
                            contexts.append(row.context(try Sample.owner(partition, mesh: mesh), generation))
                        }
                    }
                }
            }
        }
        #expect(Set(contexts).count == contexts.count)
        let box = AuthenticatedBox.seal(SecretBytes([7]), under: key, context: contexts[0])
        for (index, context) in contexts.enumerated() {
            #expect((AuthenticatedBox.open(box, under: key, context: context) != nil) == (index == 0))
        }
    }

    @Test("S2: a sibling partition's vault, unsealed by its own key, opens nothing of another partition")
    func siblings() throws {
        let (ours, _) = try Sample.vault("a")
        let row = try Sample.row("db/password")
        let sealed = try ours.seal(SecretBytes([1, 2, 3]), as: row)
        for (sibling, _) in [try Sample.vault("b"), try Sample.vault("a", mesh: 2), try Sample.vault("a")] {
            #expect(code { _ = try sibling.open(sealed, as: row) } == .rowDamaged)
        }
    }

    @Test("S4: a nonce is never used twice: 100,000 boxes under one key have as many nonces")
    func nonces() throws {
        let (key, plain) = (SecretBytes.random(AuthenticatedBox.keyBytes), SecretBytes([1]))
        var seen: Set<[UInt8]> = []
        for _ in 0..<100_000 {
            seen.insert(Array(AuthenticatedBox.seal(plain, under: key, context: []).prefix(24)))
        }
        #expect(seen.count == 100_000)
    }

    @Test("an older value of a secret does not open as a newer one, nor under another name")
    func secretVersions() throws {
        let (vault, _) = try Sample.vault()
        let (name, other) = (try SecretName("db/password"), try SecretName("db/user"))
        let old = try vault.seal(secret: name, version: 1, SecretBytes([1]))
        let new = try vault.seal(secret: name, version: 2, SecretBytes([2]))
        #expect(try vault.open(secret: name, SealedSecret(bytes: new.bytes)).copy == [2])
        let replayed = SealedSecret(version: 2, box: old.box)
        #expect(code { _ = try vault.open(secret: name, replayed) } == .rowDamaged)
        #expect(code { _ = try vault.open(secret: other, new) } == .rowDamaged)
    }

    @Test("a sealed secret cut short or altered is refused, never trapped on")
    func hostileSecrets() throws {
        let (vault, _) = try Sample.vault()
        let name = try SecretName("db/password")
        let bytes = try vault.seal(secret: name, version: 300, SecretBytes(Array("hunter2".utf8))).bytes
        for count in bytes.indices {
            #expect(code { _ = try SealedSecret(bytes: Array(bytes[..<count])) } == .rowDamaged)
        }
        for place in bytes.indices {
            for flip in [UInt8(1), 0x80, 0xFF] {
                var altered = bytes
                altered[place] ^= flip
                let result = code { _ = try vault.open(secret: name, SealedSecret(bytes: altered)) }
                #expect(result == .rowDamaged || result == .keyMissing, "place \(place)")
            }
        }
    }
}
