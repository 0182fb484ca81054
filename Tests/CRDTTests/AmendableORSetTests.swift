import CRDT
import Testing

@Suite("Amendable observed-remove sets")
struct AmendableORSetTests {
    typealias Map = AmendableORSet<ByteString, ByteString>

    @Test("R2: an amendment never outlives a revocation, concurrent or late, in every order")
    func revokeWins() throws {
        var (a, b) = (Map(), Map())
        let admitted = try a.admit("envoy", "one", at: dot(0, 1))
        b.merge(admitted)
        let revoked = try #require(try a.revoke("envoy", at: dot(0, 2)))
        let amended = try #require(try b.amend("envoy", "two", at: dot(1, 1)))
        let again = try #require(try b.amend("envoy", "three", at: dot(1, 2)))
        let deltas = [admitted, revoked, amended, again]
        for order in orders(deltas.count) {
            let state = order.reduce(Map()) { $0.merged(with: deltas[$1]) }
            #expect(!state.contains("envoy") && state["envoy"] == nil && state.keys.isEmpty)
            #expect(state == a.merged(with: b))
        }
    }

    @Test("an admission wins over a concurrent revocation of the same key")
    func admissionWins() throws {
        var (a, b) = (Map(), Map())
        b.merge(try a.admit("envoy", "one", at: dot(0, 1)))
        try a.revoke("envoy", at: dot(0, 2))
        try b.admit("envoy", "two", at: dot(1, 1))
        let joined = a.merged(with: b)
        #expect(joined["envoy"] == "two" && joined.dots(of: "envoy") == [dot(1, 1)])
    }

    @Test("concurrent amendments are kept; the deeper history is shown, then the higher replica")
    func concurrentAmendments() throws {
        var (a, b) = (Map(), Map())
        b.merge(try a.admit("envoy", "start", at: dot(0, 1)))
        try a.amend("envoy", "a1", at: dot(0, 2))
        try b.amend("envoy", "b1", at: dot(1, 1))
        var joined = a.merged(with: b)
        #expect(joined.entries("envoy").map(\.value) == ["a1", "b1"])
        #expect(joined["envoy"] == "b1")
        try a.amend("envoy", "a2", at: dot(0, 3))
        joined.merge(a)
        #expect(joined.entries("envoy").map(\.value) == ["a2", "b1"])
        #expect(joined.shown("envoy")?.length == 3 && joined["envoy"] == "a2")
        // An amendment that has seen both replaces both.
        try joined.amend("envoy", "settled", at: dot(2, 1))
        #expect(joined.entries("envoy").map(\.value) == ["settled"])
        #expect(joined.merged(with: a).merged(with: b) == joined)
    }

    @Test("an amendment that arrives before its admission waits, also through a restart")
    func orphans() throws {
        var (author, reader) = (Map(), Map())
        let admitted = try author.admit("envoy", "one", at: dot(0, 1))
        reader.merge(try #require(try author.amend("envoy", "two", at: dot(0, 2))))
        #expect(!reader.contains("envoy"))
        reader = try decoded(reader.canonicalBytes)
        reader.merge(admitted)
        #expect(reader["envoy"] == "two" && reader == author)
    }

    @Test("mutations of an absent key use no dot and change nothing")
    func absent() throws {
        var map = Map()
        #expect(try map.amend("nobody", "x", at: dot(0, 1)) == nil)
        #expect(try map.revoke("nobody", at: dot(0, 1)) == nil)
        #expect(map == Map() && map.canonicalBytes == Map().canonicalBytes)
        try map.admit("somebody", "x", at: dot(0, 1))
        #expect(throws: DotFailure.used(dot(0, 1))) { try map.amend("somebody", "y", at: dot(0, 1)) }
        #expect(map["somebody"] == "x")
    }

    @Test("one mutation is one irreducible delta, and delivery again is no news")
    func irreducible() throws {
        var (map, other) = (Map(), Map())
        let deltas = [
            try map.admit("k", "1", at: dot(0, 1)), try #require(try map.amend("k", "2", at: dot(0, 2))),
            try #require(try map.revoke("k", at: dot(0, 3))),
        ]
        for delta in deltas {
            #expect(delta.decomposed() == [delta])
            #expect(other.news(in: delta) == delta)
            other.merge(delta)
            #expect(other.news(in: delta) == nil)
        }
        #expect(other == map)
    }
}
