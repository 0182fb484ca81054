import CRDT
import Spanner
import SpannerTestKit
import Testing

/// Q7: the list of bolts that envoys hold is its owner's word, and no other list passes for it.
@Suite("A list of bolts, and who signed it")
struct BoltListTests {
    private typealias Entry = BoltList.Entry

    private static let mesh = TestIdentity.mesh
    private static let north = TestPartition(PartitionName(checked: "north"))

    private func entry(_ number: UInt64, address: String? = nil) -> Entry {
        let partition = PartitionName(checked: ["north", "south", "west"][Int(number % 3)])
        return Entry(
            partition: partition, name: BoltName(checked: "b\(number / 3 % 7)"),
            address: address ?? "host-\(number):7440")
    }

    private func list(_ numbers: [UInt64]) throws -> BoltList { try #require(BoltList(numbers.map { entry($0) })) }

    private func signed(
        _ list: BoltList, owner: TestPartition = north, epoch: UInt64 = 5, number: UInt64 = 100
    ) -> SignedBoltList {
        let bytes = SignedBoltList.signedBytes(list, owner: owner.name, epoch: epoch, number: number, in: Self.mesh)
        return SignedBoltList(
            list, owner: owner.name, epoch: epoch, number: number, key: owner.key,
            signature: owner.signer.sign(bytes))
    }

    private func isAuthentic(_ list: SignedBoltList, in mesh: MeshID = mesh) -> Bool {
        list.isAuthentic(in: mesh, witness: TestWitness())
    }

    @Test("law: whatever order bolts are named in, and how often, the list is one and reads back as it was written")
    func canonical() throws {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let numbers = (0...generator.below(40)).map { _ in generator.below(60) }
            let first = try list(numbers)
            var others = numbers + numbers.prefix(5)
            for index in others.indices.reversed() {
                others.swapAt(index, Int(generator.below(UInt64(index) + 1)))
            }
            let second = try list(others)
            #expect(first == second && first.canonicalBytes == second.canonicalBytes, "seed \(seed)")
            #expect(zip(first.entries, first.entries.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
            #expect(Set(first.entries) == Set(numbers.map { entry($0) }), "seed \(seed)")
            var decoder = CanonicalDecoder(first.canonicalBytes)
            let read = try BoltList(from: &decoder)
            try decoder.finish()
            #expect(read == first)
        }
    }

    @Test("a list has 1 to 256 bolts with addresses of at most 300 bytes; any other is none")
    func bounded() throws {
        let most = (0..<UInt64(BoltList.boltsMax)).map { entry($0) }
        #expect(BoltList([]) == nil)
        #expect(BoltList(most)?.entries.count == BoltList.boltsMax)
        #expect(BoltList(most + [entry(9_999)]) == nil)
        let long = String(repeating: "a", count: BoltList.addressBytesMax)
        #expect(BoltList([entry(1, address: long)]) != nil)
        #expect(BoltList([entry(1), entry(2, address: long + "a")]) == nil)
    }

    @Test("R10: bytes that are not as a list is written are none: out of order, twice, cut, no names, nothing")
    func malformed() throws {
        func read(_ entries: [(String, String, String)]) -> BoltList? {
            var encoder = CanonicalEncoder(capacity: 64)
            encoder.list(entries) { encoder, entry in
                encoder.text(entry.0)
                encoder.text(entry.1)
                encoder.text(entry.2)
            }
            var decoder = CanonicalDecoder(encoder.bytes)
            return try? BoltList(from: &decoder)
        }
        let (first, second) = (("north", "a", "h:1"), ("south", "a", "h:2"))
        #expect(read([first, second]) != nil)
        for wrong in [[second, first], [first, first], [], [("North!", "a", "h:1")], [("north", "", "h:1")]] {
            #expect(read(wrong) == nil, "\(wrong)")
        }
        let bytes = signed(try list([1, 2, 3])).canonicalBytes
        for count in bytes.indices {
            var decoder = CanonicalDecoder(Array(bytes.prefix(count)))
            #expect(throws: DecodingFailure.self) { try SignedBoltList(from: &decoder) }
        }
    }

    @Test("Q7, S8: the signature is over the mesh, the owner, epoch, number and each byte of the list")
    func forged() throws {
        let bolts = try list([1, 2, 3, 4])
        let good = signed(bolts)
        #expect(isAuthentic(good))
        #expect(!isAuthentic(good, in: MeshID(TestWitness.digest([77]))))
        func other(
            list: BoltList? = nil, owner: PartitionName? = nil, epoch: UInt64 = 5, number: UInt64 = 100,
            key: VerificationKey? = nil, signature: [UInt8]? = nil
        ) -> SignedBoltList {
            SignedBoltList(
                list ?? bolts, owner: owner ?? good.owner, epoch: epoch, number: number, key: key ?? good.key,
                signature: signature ?? good.signature)
        }
        let south = TestPartition(PartitionName(checked: "south"))
        #expect(isAuthentic(other()))
        let lies = [
            other(owner: south.name), other(key: south.key), other(epoch: 4), other(epoch: 6), other(number: 99),
            other(number: 101), other(list: try list([1, 2, 3])), other(list: try list([1, 2, 3, 5])),
            other(signature: []), other(signature: Array(good.signature.dropLast())),
            other(signature: good.signature + [0]),
        ]
        for (number, lie) in lies.enumerated() { #expect(!isAuthentic(lie), "lie \(number)") }
        // Any byte of what is kept, changed on a disk.
        let bytes = good.canonicalBytes
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            var decoder = CanonicalDecoder(changed)
            guard let read = try? SignedBoltList(from: &decoder), (try? decoder.finish()) != nil else { continue }
            #expect(!isAuthentic(read), "byte \(index)")
        }
    }

    @Test("Q7: in one reign no earlier list follows a later one; that of another reign does, whatever its number")
    func order() throws {
        let bolts = try list([1, 2])
        let kept = signed(bolts, epoch: 5, number: 100)
        for (epoch, number, follows) in [(5, 100, true), (5, 101, true), (5, 99, false), (5, 0, false), (6, 1, true)]
            as [(UInt64, UInt64, Bool)]
        {
            #expect(signed(bolts, epoch: epoch, number: number).follows(kept) == follows, "\(epoch).\(number)")
        }
        let others = [TestPartition(PartitionName(checked: "west")), TestPartition(kept.owner, seed: 1)]
        for other in others { #expect(signed(bolts, owner: other, epoch: 5, number: 1).follows(kept)) }
        // A partition that was made anew counts its epochs from the first.
        #expect(signed(bolts, owner: others[1], epoch: 1, number: 1).follows(kept))
    }

    @Test("Q7, P2: only the key that proved itself for this owner and epoch speaks for the bolts")
    func sight() throws {
        let world = try #require(SliceWorld())
        let register = try #require(world.register())
        let owner = try #require(world.partitions[register.owner])
        let bolts = try list([1, 2, 3])
        let epoch = PartitionEpoch(number: 5, minter: ReplicaID(key: .zero, incarnation: 1))
        func sight(key: VerificationKey?) -> OwnerSight {
            OwnerSight(freshness: SliceFreshness(register: register, epoch: epoch), key: key)
        }
        func proved(_ sight: OwnerSight, _ said: SignedBoltList) -> SignedBoltList? {
            sight.proved(
                said.list, number: said.number, signature: said.signature, mesh: Self.mesh, witness: TestWitness())
        }
        let good = signed(bolts, owner: owner)
        #expect(proved(sight(key: owner.key), good) == good)
        #expect(proved(sight(key: nil), good) == nil, "no key was seen to")
        #expect(proved(OwnerSight(key: owner.key), good) == nil, "no register was shown")
        #expect(proved(sight(key: TestPartition(owner.name, seed: 1).key), good) == nil, "another bolt's")
        #expect(proved(sight(key: owner.key), signed(bolts, owner: owner, epoch: 4)) == nil)
        let other = try #require(world.partitions[world.other(than: owner.name)])
        #expect(proved(sight(key: owner.key), signed(bolts, owner: other)) == nil, "a sibling's")
    }
}
