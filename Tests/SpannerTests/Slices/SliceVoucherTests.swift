import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("What an envoy is shown of its owner, and whom it follows")
struct SliceVoucherTests {
    private typealias Fence = EnvoyMachine.Fence

    private static let minter = ReplicaID(key: .zero, incarnation: 1)

    private func epoch(_ number: UInt64) -> PartitionEpoch { PartitionEpoch(number: number, minter: Self.minter) }

    /// A voucher as the bytes that travel, signed by the register's owner unless by somebody else.
    private func voucher(
        _ world: SliceWorld, _ claim: SliceClaim, by other: TestPartition? = nil
    ) throws -> SliceVoucher {
        let signer = try #require(other ?? world.partitions[claim.register.owner])
        let bytes = signer.signer.sign(
            SliceVoucher.signedBytes(claim.register, claim.epoch, in: SliceWorld.mesh))
        let signature = SliceVoucher.Signature(warrant: signer.warrant, bytes: bytes)
        let made = SliceVoucher(claim, signature: signature)
        let read = try SliceVoucher(made.canonicalBytes)
        #expect(read == made)
        return read
    }

    /// What an owner that holds a set of transitions shows an envoy that remembers a register.
    private func shown(
        _ world: SliceWorld, _ set: SliceRegisterSet, epoch: PartitionEpoch, remembered: Bytes32?
    ) throws -> SliceVoucher {
        let walk = try #require(world.walk(set))
        let owner = try #require(world.partitions[walk.owner])
        let bytes = owner.signer.sign(SliceVoucher.signedBytes(walk.register, epoch, in: SliceWorld.mesh))
        return try SliceVoucher(
            set.voucher(
                walk, epoch: epoch, remembered: remembered,
                signature: .init(warrant: owner.warrant, bytes: bytes)))
    }

    private func judge(
        _ sight: inout OwnerSight, _ world: SliceWorld, number: UInt64 = 2, epoch: UInt64, _ voucher: SliceVoucher?,
        from partition: PartitionName? = nil
    ) throws(OwnerSight.Refusal) -> OwnerSight.Verdict {
        try sight.judge(
            number: number, epoch: epoch, voucher: voucher, from: partition, mesh: SliceWorld.mesh,
            witness: world.witness)
    }

    /// An envoy that was shown the first register, under epoch 5.
    private func settled(_ world: SliceWorld) throws -> OwnerSight {
        var sight = OwnerSight()
        #expect(try judge(&sight, world, number: 1, epoch: 9, nil) == .obey(Fence(register: 1, epoch: 9)))
        let first = try shown(world, SliceRegisterSet(), epoch: epoch(5), remembered: nil)
        #expect(try judge(&sight, world, epoch: 5, first) == .obey(Fence(register: 2, epoch: 5)))
        #expect(sight.freshness?.register == world.register())
        return sight
    }

    @Test("P2: an envoy moves on to another owner by its proof, and by nothing else that a bolt says")
    func proved() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        var sight = try settled(world)
        let handOn = try #require(world.handOn(first, to: world.other(than: first.owner)))
        let next = world.after(handOn)
        let before = sight
        // Numbers alone, a claim without a proof, and one under which nobody signed.
        #expect(throws: OwnerSight.Refusal.unproved) { try judge(&sight, world, number: 99, epoch: 99, nil) }
        let bare = try voucher(world, SliceClaim(register: next, epoch: epoch(1)))
        #expect(throws: OwnerSight.Refusal.unproved) { try judge(&sight, world, epoch: 1, bare) }
        let unsigned = SliceVoucher(SliceClaim(register: next, epoch: epoch(1), path: [handOn]), signature: nil)
        #expect(throws: OwnerSight.Refusal.unproved) { try judge(&sight, world, epoch: 1, unsigned) }
        // The answer says another epoch than what was signed.
        let good = try shown(world, world.set([handOn]), epoch: epoch(1), remembered: first.hash)
        #expect(throws: OwnerSight.Refusal.forged) { try judge(&sight, world, epoch: 7, good) }
        #expect(sight == before)
        #expect(try judge(&sight, world, epoch: 1, good) == .obey(Fence(register: 3, epoch: 1)))
        #expect(sight.freshness?.register == next && sight.fence > before.fence)
        // Nothing new needs no voucher, whatever number the bolt knows the owner by.
        #expect(try judge(&sight, world, number: 77, epoch: 1, nil) == .obey(Fence(register: 3, epoch: 1)))
    }

    @Test("P2, P6: a bolt of another partition takes no envoy by a higher epoch, its own hand-on or its own name")
    func liar() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        var sight = try settled(world)
        let before = sight
        let thief = try #require(world.partitions[world.other(than: first.owner)])
        // A higher epoch of the owner, signed by somebody else.
        let claim = SliceClaim(register: first, epoch: epoch(50))
        let higher = try voucher(world, claim, by: thief)
        #expect(throws: OwnerSight.Refusal.forged) { try judge(&sight, world, epoch: 50, higher) }
        // A hand-on to the thief that the thief signed itself.
        let transition = try #require(
            SliceTransition(ending: first, to: thief.name, cause: .handOn(seal: SliceWorld.seal(1))))
        let stolen = thief.sign(transition)
        let lie = try voucher(
            world, SliceClaim(register: world.after(stolen), epoch: epoch(1), path: [stolen]))
        #expect(throws: OwnerSight.Refusal.forged) { try judge(&sight, world, epoch: 1, lie) }
        // Where it should lead on without a signature, the chain is as false.
        let led = SliceVoucher(
            SliceClaim(register: world.after(stolen), epoch: .none, path: [stolen]), signature: nil)
        #expect(throws: OwnerSight.Refusal.forged) { try judge(&sight, world, epoch: 0, led) }
        // The register in force, as its own.
        let claimed = SliceRegister(slice: first.slice, owner: thief.name, position: 9, hash: first.hash)
        let theirs = try voucher(world, SliceClaim(register: claimed, epoch: epoch(9)))
        #expect(throws: OwnerSight.Refusal.unproved) { try judge(&sight, world, epoch: 9, theirs) }
        #expect(sight == before)
    }

    @Test("P2: to a slice of another group an envoy goes where its owner sends it, and nobody else does")
    func regrouped() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        var sight = try settled(world)
        let before = sight
        let thief = try #require(world.partitions[world.other(than: first.owner)])
        let elsewhere = SliceRegister(
            slice: SliceID(group: first.slice.group, index: first.slice.index + 1), owner: thief.name, position: 0,
            hash: .zero)
        let theirs = try voucher(world, SliceClaim(register: elsewhere, epoch: epoch(3)))
        for partition in [nil, thief.name] {
            #expect(throws: OwnerSight.Refusal.unproved) {
                try judge(&sight, world, epoch: 3, theirs, from: partition)
            }
        }
        #expect(sight == before)
        #expect(try judge(&sight, world, epoch: 3, theirs, from: first.owner) == .obey(Fence(register: 3, epoch: 3)))
        #expect(sight.freshness?.register == elsewhere)
    }

    @Test("P2: a bolt with an older register, and an older primary, draw no envoy back")
    func stale() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        var sight = try settled(world)
        let handOn = try #require(world.handOn(first, to: world.other(than: first.owner)))
        let set = world.set([handOn])
        _ = try judge(&sight, world, epoch: 4, try shown(world, set, epoch: epoch(4), remembered: first.hash))
        let before = sight
        // It does not know what the envoy remembers, so it can prove nothing.
        let old = try shown(world, SliceRegisterSet(), epoch: epoch(90), remembered: before.freshness?.register.hash)
        #expect(throws: OwnerSight.Refusal.superseded) { try judge(&sight, world, epoch: 90, old) }
        let deposed = try shown(world, set, epoch: epoch(3), remembered: first.hash)
        #expect(throws: OwnerSight.Refusal.superseded) { try judge(&sight, world, epoch: 3, deposed) }
        #expect(throws: OwnerSight.Refusal.superseded) { try judge(&sight, world, epoch: 3, nil) }
        #expect(sight == before)
        let risen = try shown(world, set, epoch: epoch(5), remembered: before.freshness?.register.hash)
        #expect(try judge(&sight, world, epoch: 5, risen) == .obey(Fence(register: 3, epoch: 5)))
    }

    @Test("P2, P7: an envoy of a takeover that lost is led to the hand-on that beat it, though the number is no higher")
    func fork() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        var sight = try settled(world)
        let lost = try #require(world.takeover(first, to: world.other(than: first.owner, 1)))
        _ = try judge(
            &sight, world, epoch: 8, try shown(world, world.set([lost]), epoch: epoch(8), remembered: first.hash))
        #expect(sight.freshness?.register == world.after(lost))
        let handOn = try #require(world.handOn(first, to: world.other(than: first.owner)))
        let both = world.set([lost, handOn])
        let won = try shown(world, both, epoch: epoch(1), remembered: sight.freshness?.register.hash)
        #expect(try judge(&sight, world, number: 2, epoch: 1, won) == .obey(Fence(register: 4, epoch: 1)))
        #expect(sight.freshness?.register == world.after(handOn))
    }

    @Test("P2: an envoy that was away for more owners than one answer proves is led on, and ends at the one in force")
    func away() throws {
        let world = try #require(SliceWorld())
        var register = try #require(world.register())
        var sight = try settled(world)
        var all: [SignedTransition] = []
        for number in 0..<(3 * SliceLimits.voucherTransitionsMax + 5) {
            let to = world.other(than: register.owner, number)
            all.append(try #require(world.handOn(register, to: to, seal: UInt64(number))))
            register = world.after(all[number])
        }
        let set = world.set(all)
        var answers = 0
        while sight.freshness?.register != register {
            answers += 1
            try #require(answers < 10)
            let hash = sight.freshness?.register.hash
            let answer = try shown(world, set, epoch: epoch(2), remembered: hash)
            #expect(answer.canonicalBytes.count <= SliceLimits.voucherBytesMax)
            let verdict = try judge(&sight, world, epoch: 2, answer)
            #expect((verdict == .ledOn) == (sight.freshness?.register != register))
        }
        #expect(answers == 4 && sight.freshness?.epoch == epoch(2))
    }

    @Test("P6: what is safe is the word of a bolt of the owner's, or signed by the reigning one; nobody else's")
    func borne() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let (owner, thief) = (first.owner, world.other(than: first.owner))
        let queue = QueueID(high: 1, low: 2)
        func receipt(release: UInt64 = 9, epoch: UInt64 = 5, body: UInt8 = 7) -> OwnerReceipt {
            let told = OwnerReceipt.digest(
                firstHeld: 9, results: [SequencedResult(sequence: 9, body: [body])], by: world.witness)
            return OwnerReceipt(
                register: first.hash, epoch: epoch, queue: queue, told: told, storedThrough: 9, releaseThrough: release)
        }
        func word(_ name: PartitionName) throws -> [UInt8] {
            try #require(world.partitions[name]).signer.sign(receipt().signedBytes(in: SliceWorld.mesh))
        }
        func bears(
            _ sight: OwnerSight, _ receipt: OwnerReceipt, _ signature: [UInt8]?, _ from: PartitionName?
        ) -> Bool {
            sight.bears(
                receipt, signature: signature, from: from, mesh: SliceWorld.mesh, witness: world.witness)
        }
        #expect(bears(OwnerSight(), receipt(), nil, nil), "before there are slices nobody can know")
        let sight = try settled(world)
        #expect(bears(sight, receipt(), nil, owner))
        let good = try word(owner)
        #expect(bears(sight, receipt(), good, thief) && bears(sight, receipt(), good, nil))
        let bad = try word(thief)
        #expect(!bears(sight, receipt(), nil, thief) && !bears(sight, receipt(), bad, thief))
        #expect(!bears(sight, receipt(release: 10), good, thief) && !bears(sight, receipt(epoch: 6), good, thief))
        #expect(!bears(sight, receipt(body: 8), good, thief), "it is of what was told then, not of another report")
    }

    @Test("P2, P6: a machine that was told its slice's register with its admission never believes numbers")
    func admitted() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let thief = world.other(than: first.owner)
        func begin(_ sight: inout OwnerSight, _ voucher: SliceVoucher) throws(OwnerSight.Refusal) {
            try sight.begin(with: voucher, mesh: SliceWorld.mesh, witness: world.witness)
        }
        let unsigned = SliceVoucher(SliceClaim(register: first, epoch: .none), signature: nil)
        let signed = try shown(world, SliceRegisterSet(), epoch: epoch(5), remembered: nil)
        for (voucher, number) in [(unsigned, UInt64(0)), (signed, 5)] {
            var sight = OwnerSight()
            try begin(&sight, voucher)
            #expect(sight.fence == Fence(register: 2, epoch: number) && (sight.key != nil) == (number > 0))
            let begun = sight
            // Whoever answers first, with numbers and nothing else, is not obeyed; what it calls safe is not deleted.
            #expect(throws: OwnerSight.Refusal.unproved) { try judge(&sight, world, number: 9, epoch: 50, nil) }
            let lie = OwnerReceipt(
                register: first.hash, epoch: number, queue: QueueID(high: 1, low: 2), told: .zero, storedThrough: 9,
                releaseThrough: 9)
            #expect(
                !sight.bears(lie, signature: nil, from: thief, mesh: SliceWorld.mesh, witness: world.witness))
            #expect(sight == begun)
            // The owner proves itself, in the epoch of then or a later one; what is known is not begun anew.
            let now = try shown(world, SliceRegisterSet(), epoch: epoch(6), remembered: first.hash)
            #expect(try judge(&sight, world, epoch: 6, now) == .obey(Fence(register: 2, epoch: 6)))
            try begin(&sight, unsigned)
            #expect(sight.fence == Fence(register: 2, epoch: 6) && sight.key != nil)
        }
        // An epoch that nobody signed, and a signature that is not the owner's.
        var sight = OwnerSight()
        let claim = SliceClaim(register: first, epoch: epoch(7))
        #expect(throws: OwnerSight.Refusal.unproved) { try begin(&sight, SliceVoucher(claim, signature: nil)) }
        let forged = try voucher(world, claim, by: world.partitions[thief])
        #expect(throws: OwnerSight.Refusal.forged) { try begin(&sight, forged) }
        #expect(sight == OwnerSight())
    }

    @Test("R10: a voucher over its limits, cut or altered is refused; what an envoy remembers survives its encoding")
    func bounded() throws {
        let world = try #require(SliceWorld())
        let first = try #require(world.register())
        let sight = try settled(world)
        var decoder = CanonicalDecoder(sight.canonicalBytes)
        #expect(try OwnerSight(from: &decoder) == sight)
        let handOn = try #require(world.handOn(first, to: world.other(than: first.owner)))
        let bytes = try shown(world, world.set([handOn]), epoch: epoch(1), remembered: first.hash).canonicalBytes
        for length in 0..<bytes.count {
            #expect(throws: DecodingFailure.self) { try SliceVoucher(Array(bytes.prefix(length))) }
        }
        #expect(throws: DecodingFailure.self) { try SliceVoucher(bytes + [0]) }
        #expect(throws: DecodingFailure.self) {
            try SliceVoucher([UInt8](repeating: 0, count: SliceLimits.voucherBytesMax + 1))
        }
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 0x41
            guard let read = try? SliceVoucher(altered) else { continue }
            var other = sight
            #expect(throws: OwnerSight.Refusal.self, "byte \(place)") { try judge(&other, world, epoch: 1, read) }
            #expect(other == sight)
        }
    }
}
