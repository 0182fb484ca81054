import CRDT
import Spanner
import Testing

@testable import Identity

/// Names in certificates: exactly one text per identity (S7).
@Suite struct SPIFFEIDTests {
    @Test func idsRoundTrip() throws {
        let domain = try #require(TrustDomain("mesh.example.net"))
        let subjects: [SPIFFEID.Subject] = [
            .root, .boltsCA, .operatorsCA, .envoysCA(Names.east), .bolt(Names.east, Names.bolt("b1")),
            .envoy(Names.east, Names.principal), .operator(Names.alice),
        ]
        for subject in subjects {
            let id = SPIFFEID(domain, subject)
            #expect(SPIFFEID(id.description) == id)
        }
    }

    @Test func everyOtherTextIsRefused() {
        let id = "0123456789abcdeffedcba9876543210"
        for bad in [
            "", "spiffe://", "spiffe:///bolt/east/b1", "SPIFFE://acme/bolt/east/b1", "spiffe://Acme/bolt/east/b1",
            "spiffe://acme/", "spiffe://acme//", "spiffe://acme/bolt", "spiffe://acme/bolt/east",
            "spiffe://acme/bolt/east/b1/", "spiffe://acme/bolt/east//b1", "spiffe://acme/bolt/east/../b1",
            "spiffe://acme/bolt/east/b%31", "spiffe://acme/bolt/east/b1?x", "spiffe://acme/bolt/east/b1#x",
            "spiffe://acme:443/bolt/east/b1", "spiffe://u@acme/bolt/east/b1", "spiffe://acme/Bolt/east/b1",
            "spiffe://acme/ca", "spiffe://acme/ca/envoys", "spiffe://acme/ca/others", "spiffe://acme/ca/bolts/x",
            "spiffe://acme/envoy/east/\(id.uppercased())", "spiffe://acme/envoy/east/\(id)0",
            "spiffe://acme/envoy/east/1", "spiffe://acme/operator/alice/x", " spiffe://acme/operator/alice",
            "spiffe://acme/operator/\(String(repeating: "a", count: 600))", "spiffe://acme/operator/al\u{0}ice",
        ] {
            #expect(SPIFFEID(bad) == nil, "\(bad)")
        }
    }
}
