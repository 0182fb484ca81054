import CRDT
import Spanner
import SpannerTestKit
import Synchronization
import Testing

@Suite("The tree of a partition's leaves")
struct PolicyTreeTests {
    private let world = PolicyWorld()
    private var witness: TestWitness { world.witness }

    /// The definition of RFC 9162, section 2.1.1, as it is written there: the naive model.
    private func model(_ leaves: ArraySlice<Bytes32>) -> Bytes32 {
        guard leaves.count > 1 else { return leaves.first ?? .zero }
        var half = 1
        while half * 2 < leaves.count { half *= 2 }
        let left = model(leaves.prefix(half))
        let right = model(leaves.dropFirst(half))
        var encoder = CanonicalEncoder()
        encoder.raw(Array("bolt policy node v1".utf8))
        encoder.fixed(left)
        encoder.fixed(right)
        return witness.hash(encoder.bytes)
    }

    @Test("The root is that of RFC 9162, whatever the order of the leaves", arguments: 1...70 as ClosedRange<UInt64>)
    func root(count: UInt64) {
        let leaves = (0..<count).map { world.leaf($0) }
        let expected = model(leaves.map { $0.hash(by: witness) }[...])
        #expect(PolicyTree(leaves, by: witness).root == expected)
        #expect(PolicyTree(leaves.reversed(), by: witness).root == expected)
        #expect(PolicyTree(leaves, by: witness).count == Int(count))
    }

    @Test(
        "Each path leads to the root from its own leaf, and from no other, at no other place",
        arguments: [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33] as [UInt64])
    func paths(count: UInt64) throws {
        let tree = world.tree(count)
        for number in 0..<count {
            let path = try #require(tree.path(of: PolicyWorld.envoy(number)))
            let leaf = try #require(tree.leaf(of: PolicyWorld.envoy(number)))
            #expect(path.index == number && path.count == count)
            #expect(path.root(from: leaf.hash(by: witness), by: witness) == tree.root)
            for other in 0..<count where other != number {
                let elsewhere = PolicyPath(index: other, count: count, siblings: path.siblings)
                #expect(elsewhere.root(from: leaf.hash(by: witness), by: witness) != tree.root)
                #expect(path.root(from: world.leaf(other).hash(by: witness), by: witness) != tree.root)
            }
            let short = PolicyPath(index: number, count: count, siblings: Array(path.siblings.dropLast()))
            if count > 1 { #expect(short.root(from: leaf.hash(by: witness), by: witness) != tree.root) }
            let long = PolicyPath(index: number, count: count, siblings: path.siblings + [.zero])
            #expect(long.root(from: leaf.hash(by: witness), by: witness) == nil)
        }
        #expect(tree.path(of: PolicyWorld.envoy(count)) == nil && tree.leaf(of: PolicyWorld.envoy(count)) == nil)
    }

    @Test("A changed tree is the tree made anew", arguments: 0..<80 as Range<UInt64>)
    func replacing(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var leaves: [PrincipalID: PolicyLeaf] = [:]
        for _ in 0..<generator.below(40) {
            let leaf = world.leaf(generator.below(60))
            leaves[leaf.envoy] = leaf
        }
        var tree = PolicyTree(leaves.values.sorted { $0.envoy < $1.envoy }, by: witness)
        for round in 0..<8 as Range<UInt64> {
            let changed = (0..<generator.below(6)).map { _ in world.leaf(generator.below(60), body: round + 1) }
            let removed = (0..<generator.below(3)).map { _ in PolicyWorld.envoy(generator.below(60)) }
            for leaf in changed { leaves[leaf.envoy] = leaf }
            for envoy in removed { leaves[envoy] = nil }
            tree.replace(changed, removing: removed, by: witness)
            let anew = PolicyTree(leaves.values.sorted { $0.envoy < $1.envoy }, by: witness)
            #expect(tree.root == anew.root && tree.all == anew.all)
            for leaf in tree.all { #expect(tree.path(of: leaf.envoy) == anew.path(of: leaf.envoy)) }
        }
    }

    @Test("A change of one leaf costs the hashes on its way to the root, one that comes those behind it")
    func cost() {
        let counting = CountingWitness()
        var tree = PolicyTree((0..<1000).map { world.leaf($0) }, by: counting)
        counting.reset()
        tree.replace([world.leaf(500, body: 1)], by: counting)
        #expect(counting.count == 11, "one leaf, ten levels")
        counting.reset()
        tree.replace([world.leaf(500, body: 1)], by: counting)
        #expect(counting.count == 0, "nothing changed")
        tree.replace([world.leaf(2000)], by: counting)
        #expect(counting.count <= 12, "one leaf at the end")
    }

    @Test("Of two leaves of one envoy the last counts; no leaves have a root that no leaf has")
    func edges() {
        let twice = PolicyTree([world.leaf(1), world.leaf(1, body: 3)], by: witness)
        #expect(twice.count == 1 && twice.leaf(of: PolicyWorld.envoy(1)) == world.leaf(1, body: 3))
        let empty = PolicyTree([], by: witness)
        #expect(empty.count == 0 && empty.path(of: PolicyWorld.envoy(1)) == nil)
        #expect(empty.root != twice.root && empty.root != .zero)
        #expect(twice.replacing([], removing: [PolicyWorld.envoy(1)], by: witness).root == empty.root)
        let both = twice.replacing([world.leaf(1)], removing: [PolicyWorld.envoy(1)], by: witness)
        #expect(both.count == 0, "who is both changed and left out is left out")
        let unknown = twice.replacing([world.leaf(2)], removing: [PolicyWorld.envoy(2)], by: witness)
        #expect(unknown.root == twice.root, "who comes and is left out does not come")
    }

    /// They stood in the head alone: whoever asks by the hash of its leaf never heard that they had changed.
    @Test("Leaves that differ in their terms alone have other hashes, and a path proves the one that it is of")
    func terms() throws {
        let ages: [UInt64?] = [nil, 0, 1, 3600, PolicyLimits.ageSecondsMax]
        var seen: Set<Bytes32> = []
        for age in ages {
            for expiry in PolicyExpiry.allCases {
                let terms = PolicyTerms(maxAgeSeconds: age, expiry: expiry)
                let leaf = world.leaf(3, terms: terms)
                #expect(seen.insert(leaf.hash(by: witness)).inserted, "\(terms)")
                var decoder = CanonicalDecoder(leaf.canonicalBytes)
                #expect(try PolicyLeaf(from: &decoder) == leaf && decoder.remaining == 0)
                let tree = world.tree(7).replacing([leaf], by: witness)
                let path = try #require(tree.path(of: leaf.envoy))
                for other in ages where other != age {
                    let stranger = world.leaf(3, terms: PolicyTerms(maxAgeSeconds: other, expiry: expiry))
                    #expect(path.root(from: stranger.hash(by: witness), by: witness) != tree.root)
                }
                #expect(path.root(from: leaf.hash(by: witness), by: witness) == tree.root)
            }
        }
        #expect(PolicyTerms(maxAgeSeconds: .max).maxAgeSeconds == PolicyLimits.ageSecondsMax)
        var encoder = CanonicalEncoder()
        encoder.optional(PolicyLimits.ageSecondsMax + 1) { encoder, seconds in encoder.integer(seconds) }
        encoder.byte(PolicyExpiry.stop.rawValue)
        var tooOld = CanonicalDecoder(encoder.bytes)
        #expect(throws: DecodingFailure.self) { try PolicyTerms(from: &tooOld) }
    }

    @Test("A leaf is never taken for a node, nor a node for a leaf")
    func domains() throws {
        let tree = world.tree(4)
        let path = try #require(tree.path(of: PolicyWorld.envoy(0)))
        // The upper half alone, as if it were a tree of two leaves.
        let forged = PolicyPath(index: 0, count: 2, siblings: [path.siblings[1]])
        #expect(forged.root(from: world.leaf(0).hash(by: witness), by: witness) != tree.root)
        let bytes = PolicyPath(index: 5, count: 5, siblings: []).canonicalBytes
        #expect(throws: DecodingFailure.self) {
            var decoder = CanonicalDecoder(bytes)
            _ = try PolicyPath(from: &decoder)
        }
    }
}

/// Counts hashes.
private final class CountingWitness: Witness {
    private let counter = Mutex(0)
    var count: Int { counter.withLock { $0 } }
    func reset() { counter.withLock { $0 = 0 } }

    func hash(_ bytes: [UInt8]) -> Bytes32 {
        counter.withLock { $0 += 1 }
        return TestWitness.digest(bytes)
    }

    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool { false }
    func author(certifiedBy chain: [[UInt8]]) -> Author? { nil }
    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool { false }
}
