import CRDT
import Spanner
import Testing

@testable import Identity

/// Join tokens: one text a token, cut or mistyped ones refused, secrets never shown.
@Suite struct JoinTokenTests {
    private let mesh = MeshID(BLAKE2b.hash([1]))

    private func token(_ kind: JoinToken.Kind = .multiUse, _ addresses: [String] = ["b1.example:7440"]) throws
        -> JoinToken
    {
        try JoinToken(mesh: mesh, kind: kind, home: Names.east, addresses: addresses)
    }

    @Test func tokensRoundTrip() throws {
        for kind in JoinToken.Kind.allCases {
            let made = try token(kind, ["b1.example:7440", "192.0.2.1:1", "[2001:db8::1]:65535"])
            let read = try JoinToken("  \(made.text)\n")
            #expect(read == made)
            #expect(read.kind == kind)
            #expect(read.home == Names.east)
            #expect(read.mesh == mesh)
            #expect(read.addresses.count == 3)
            #expect(read.secretHash == made.secretHash)
            #expect(made.text.hasPrefix("bolt1."))
        }
    }

    @Test func everyCutAndEveryChangeIsRefused() throws {
        let text = try token().text
        for count in 0..<text.utf8.count {
            #expect(code { _ = try JoinToken(String(text.prefix(count))) } == .malformed, "\(count)")
        }
        let letters = Array(text)
        for index in letters.indices {
            var changed = letters
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(code { _ = try JoinToken(String(changed)) } == .malformed, "\(index)")
        }
        for bad in ["", "bolt1.", "bolt2.AAAA", text + "A", text + "=", "x" + text, text + " " + text] {
            #expect(code { _ = try JoinToken(bad) } == .malformed)
        }
        #expect(code { _ = try JoinToken(String(repeating: "A", count: 5_000)) } == .tooLarge)
    }

    @Test func contentBehindAValidCheckIsCheckedToo() throws {
        var random = SeededGenerator(seed: 7)
        for round in 0..<2_000 {
            let count = Int(random.next() % 200)
            let content = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let check = BLAKE2b.hash(Array("bolt token check".utf8) + content).bytes.prefix(4)
            #expect(
                code { _ = try JoinToken("bolt1." + Base64.encodeURL(content + check)) } == .malformed,
                "seed 7, round \(round)")
        }
    }

    @Test func addressesAreBounded() throws {
        #expect(code { _ = try token(.oneShot, []) } == .badArgument)
        #expect(code { _ = try token(.oneShot, (0...8).map { "h\($0):1" }) } == .badArgument)
        #expect(code { _ = try token(.oneShot, ["no-port"]) } == .badArgument)
        #expect(code { _ = try token(.oneShot, ["a b:1"]) } == .badArgument)
    }

    @Test func theStoredHashFitsTheShownSecretOnly() throws {
        let made = try token()
        func hash(_ credential: String, _ mesh: MeshID, _ id: TokenID) -> Bytes32? {
            JoinToken.secretHash(credential: credential, mesh: mesh, id: id)
        }
        #expect(hash(made.credential, mesh, made.id) == made.secretHash)
        #expect(hash(made.credential, MeshID(.zero), made.id) != made.secretHash)
        #expect(hash(made.credential, mesh, try token().id) != made.secretHash)
        #expect(hash(try token().credential, mesh, made.id) != made.secretHash)
        #expect(hash("", mesh, made.id) == nil)
        #expect(hash(String(repeating: "A", count: 100), mesh, made.id) == nil)
    }

    @Test func secretsAreNotShown() throws {
        let made = try token()
        var text = "\(made) \(String(reflecting: made))"
        dump(made, to: &text)
        #expect(!text.contains(made.credential))
        #expect(text.contains(made.id.description))
    }
}
