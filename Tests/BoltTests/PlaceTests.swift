import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Bolt

/// What a bolt decides by itself: groups of machines, links that are not who they say.
@Suite struct PlaceTests {
    private func topology(_ groups: String) throws -> Topology {
        let text =
            "version: 1\nmesh: {name: acme}\ngroups:\n\(groups)partitions:\n"
            + "  - {name: east, groups: [web, rest], bolts: [{name: a, address: \"127.0.0.1:7440\"}]}\n"
        let document = TopologyDocument(parsing: text, file: "test")
        return try #require(document.topology, "\(document.findings)")
    }

    private func machine(_ name: String, _ labels: [String: String]) throws -> Admission {
        var admission = Admission(
            role: .envoy, id: PrincipalID(high: 1, low: 2), name: try #require(PrincipalName(name)),
            tlsKey: KeyFingerprint(.zero))
        admission.labels = labels.map { Label(key: $0.key, value: $0.value) }.sorted()
        return admission
    }

    @Test func theFirstGroupWhoseRuleFitsTakesTheMachine() throws {
        let topology = try topology(
            "  - {name: web, match: [{hostname: \"web-*\"}, {labels: {role: web, env: prod}}]}\n  - {name: rest}\n")
        func group(_ name: String, _ labels: [String: String] = [:]) throws -> String? {
            try NodeService.group(of: machine(name, labels), in: topology)?.text
        }
        #expect(try group("web-1") == "web")
        #expect(try group("db-1", ["role": "web", "env": "prod", "os": "linux"]) == "web")
        #expect(try group("db-1", ["role": "web"]) == "rest")
        #expect(try group("db-1") == "rest")
    }

    @Test func aMachineThatFitsNoGroupIsRefused() throws {
        let topology = try topology(
            "  - {name: web, match: [{hostname: \"web-*\"}]}\n  - {name: rest, match: [{labels: {any: \"1\"}}]}\n")
        let problem = #expect(throws: Problem.self) {
            try NodeService.group(of: machine("db-1", [:]), in: topology)
        }
        #expect(problem?.code == .noGroup && problem?.changed == false)
    }

    @Test func withoutATopologyThereIsNoGroup() throws {
        #expect(try NodeService.group(of: machine("db-1", [:]), in: nil) == nil)
    }

    /// The cause: gossip brought a new bolt's own admission before it had carried it, so it wrote nothing and had no
    /// history that others knew.
    @Test func aBoltWithoutAHistoryCarriesItsOwnAdmissionThoughItIsKnown() throws {
        func key(_ number: UInt64) -> KeyFingerprint { KeyFingerprint(Bytes32(words: (number, 0, 0, 0))) }
        let acts = try (1...3).map { (number: UInt64) in
            var admission = Admission(
                role: .bolt, id: PrincipalID(high: 0, low: number),
                name: try #require(PrincipalName("b\(number).east")), tlsKey: key(number))
            admission.partition = PartitionName("east")
            admission.signingKey = VerificationKey(key(number + 10).bytes)
            let act = OperatorAct(
                mesh: MeshID(key(9).bytes), nonce: PrincipalID(high: 7, low: number), at: WallTime(milliseconds: 1),
                reason: "", operation: .admit(admission))
            return SignedAct(content: ActCodec.encode(act), chain: [], signature: [])
        }
        func carried(hasHistory: Bool, known: Set<KeyFingerprint>) -> [SignedAct] {
            GenesisActs.toCarry(acts, ownKey: key(2), hasHistory: hasHistory) { known.contains($0.tlsKey) }
        }
        #expect(carried(hasHistory: false, known: []) == acts)
        #expect(carried(hasHistory: false, known: [key(1), key(2), key(3)]) == [acts[1]])
        #expect(carried(hasHistory: true, known: [key(1), key(2)]) == [acts[2]])
        #expect(carried(hasHistory: true, known: [key(1), key(2), key(3)]).isEmpty)
    }

    @Test func mismatchesAreToldForAWhileBoundedAndUntilTheyAreMended() {
        func key(_ number: UInt64) -> KeyFingerprint { KeyFingerprint(Bytes32(words: (number, 0, 0, 0))) }
        let begin = ContinuousClock.now
        var mismatches = LinkMismatches()
        mismatches.note(key(1), name: "b.east", remote: "x:1", at: begin)
        mismatches.note(key(1), name: "b.east", remote: "x:2", at: begin)
        mismatches.note(key(2), name: "a.east", remote: "y:1", at: begin)
        #expect(mismatches.current(at: begin).map(\.name) == ["a.east", "b.east"])
        #expect(mismatches.current(at: begin).map(\.remote) == ["y:1", "x:2"])
        mismatches.clear(key(2))
        #expect(mismatches.current(at: begin).map(\.name) == ["b.east"])
        #expect(mismatches.current(at: begin + LinkMismatches.toldFor).isEmpty)
        for number in UInt64(0)..<100 { mismatches.note(key(number), name: "b", remote: "x", at: begin) }
        #expect(mismatches.current(at: begin).count == LinkMismatches.countMax)
    }
}
