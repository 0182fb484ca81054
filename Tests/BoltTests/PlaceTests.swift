import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
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

    @Test func aFolderOfAnotherMeshIsRefusedByTheNamesOfBothBeforeItIsReadAsDamage() throws {
        let folder = NSTemporaryDirectory() + "bolt-owner-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func owner(_ name: String, _ number: UInt64) -> StateOwner {
            StateOwner(name: name, mesh: MeshID(Bytes32(words: (number, 0, 0, 0))))
        }
        let store = try BoltStore(path: folder)
        try owner("acme", 1).requireOwn(store, folder: folder)
        try owner("acme", 1).sign(store)
        try owner("acme", 1).sign(store)
        try owner("acme", 1).requireOwn(store, folder: folder)
        let error = #expect(throws: DaemonError.self) { try owner("beta", 2).requireOwn(store, folder: folder) }
        #expect(error?.code == .foreignState)
        for words in ["mesh acme (", "mesh beta (", folder] {
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
        #expect(error?.next.contains("state.directory") == true)
        // The root is what tells meshes apart: two may have one name.
        #expect(throws: DaemonError.self) { try owner("acme", 2).requireOwn(store, folder: folder) }
    }

    /// One identity, two state folders: a peer meets them in turns.
    @Test func twoProcessesWithOneIdentityAreToldWithBothAddressesAndARestartIsNot() {
        func key(_ number: UInt64) -> KeyFingerprint { KeyFingerprint(Bytes32(words: (number, 0, 0, 0))) }
        func life(_ number: UInt64) -> ReplicaID { ReplicaID(key: .zero, incarnation: number) }
        let begin = ContinuousClock.now
        func at(_ seconds: Int) -> ContinuousClock.Instant { begin + .seconds(seconds) }
        var twins = IdentityTwins()
        // Restarts over the same folder, over an emptied one, and one folder swapped for another and back.
        for (second, number) in [(0, UInt64(1)), (5, 1), (9, 1), (20, 2), (40, 3), (50, 2)] {
            #expect(twins.hear(key(1), name: "a.east", life: life(number), remote: "x:1", at: at(second)) == nil)
        }
        #expect(twins.current(at: at(50)).isEmpty)
        var told = 0
        for turn in 0..<10 {
            let number = UInt64(turn % 2)
            if let pair = twins.hear(
                key(2), name: "b.east", life: life(number), remote: "y:\(number)", at: at(2 * turn))
            {
                told += 1
                #expect(pair == IdentityTwins.Pair(name: "b.east", remotes: ["y:0", "y:1"]), "\(pair)")
            }
        }
        #expect(told == 1, "told \(told) times")
        // What was on its way when a process ended comes in a burst: that is a restart.
        for turn in 0..<20 {
            let number = UInt64(turn % 2)
            #expect(twins.hear(key(4), name: "d.east", life: life(number), remote: "z", at: at(20)) == nil)
        }
        #expect(twins.isContested(key(4)) && twins.current(at: at(20)).map(\.name) == ["b.east"])
        // Once one of them is stopped it ends.
        #expect(twins.current(at: at(400)).isEmpty)
        for number in UInt64(10)..<500 {
            _ = twins.hear(key(number), name: "c", life: life(1), remote: "z", at: at(500))
        }
        #expect(twins.hear(key(3), name: "c", life: life(1), remote: "z", at: at(501)) == nil)
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
