import BoltAPI
import CRDT
import Foundation
import Identity
import Spanner
import Testing

@testable import boltctl

/// Takeovers are signed on the operator's machine, for this mesh, and only for a partition that is lost.
@Suite struct TakeoverTests {
    /// The roster's cryptography; no partition has a key here.
    private struct Witnesses: SliceWitness {
        let roster: RosterWitness
        func hash(_ bytes: [UInt8]) -> Bytes32 { roster.hash(bytes) }
        func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
            roster.verify(signature: signature, over: message, by: key)
        }
        func author(certifiedBy chain: [[UInt8]]) -> Author? { roster.author(certifiedBy: chain) }
        func handsOn(
            _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint,
            sealingKey: Bytes32?, proof: [UInt8]
        ) -> Bool {
            roster.handsOn(principal, of: mesh, from: from, to: to, sealingKey: sealingKey, proof: proof)
        }
        func partition(certifiedBy chain: [[UInt8]]) -> PartitionAuthor? { nil }
    }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    private func slices(_ count: UInt32) throws -> [TakeoverPreviewResponse.Slice] {
        try (0..<count).map {
            .init(
                group: try Views.group("web"), id: GroupID(Views.bytes(1)), slice: $0, register: Views.bytes(2),
                position: 3, envoys: 10, to: try Views.name($0 % 2 == 0 ? "south" : "west"))
        }
    }

    private func preview(
        mesh: MeshID = MeshID(Views.bytes(9)), heard: [String] = [], count: UInt32 = 4
    ) throws -> TakeoverPreview {
        let all = try slices(count)
        let head = TakeoverPreviewResponse(
            bolt: "a.south", mesh: MeshSummary(name: "example", id: mesh), partition: try Views.name("north"),
            lastView: nil, silentSeconds: 300, heard: heard, unknowable: ["what it acknowledged after that"],
            slices: all, nextAfter: nil, freshness: Views.fresh)
        return TakeoverPreview(head: head, slices: all)
    }

    @Test("P6: a takeover is authentic in its mesh, in no other, and ends the register that was shown")
    func signed() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("mesh-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let ada = try #require(OperatorName("ada"))
        let authority = try MeshAuthority.create(
            directory: directory, name: "example", passphrase: nil, dev: true, operatorName: ada)
        let identity = try authority.operatorIdentity(ada)
        let witness = Witnesses(roster: RosterWitness(verifier: try PeerVerifier(roots: [authority.root])))
        let (north, act) = (try Views.name("north"), PrincipalID(high: 1, low: 2))
        let signer = try TakeoverSigner(ActSigner(identity), act: act, reason: "burnt")
        let count = UInt32(APILimits.takeoversMax) + 3
        let deltas = try signer.deltas(try slices(count), from: north, to: nil)
        #expect(deltas.map(\.transitions.count) == [APILimits.takeoversMax, 3])
        for (number, signed) in deltas.flatMap(\.transitions).enumerated() where number % 97 == 0 {
            #expect(signed.isAuthentic(in: authority.mesh, witness: witness))
            #expect(!signed.isAuthentic(in: MeshID(Views.bytes(9)), witness: witness))
            let transition = signed.transition
            #expect(transition.from == north && transition.base == Views.bytes(2) && transition.position == 4)
            #expect(transition.to.text == (number % 2 == 0 ? "south" : "west") && !transition.isHandOn)
            guard case .takeover(act, _, "burnt") = transition.cause else {
                Issue.record("\(transition.cause)")
                continue
            }
        }
        // What travels is what was signed, within what a bolt reads.
        let first = try #require(deltas.first)
        var encoder = CanonicalEncoder()
        first.encode(to: &encoder)
        var decoder = CanonicalDecoder(encoder.bytes)
        #expect(try SliceDelta(from: &decoder) == first)
        let request = TakeOverRequest(
            act: act, partition: north, transitions: Base64Bytes(encoder.bytes), reason: "burnt")
        #expect(try APIJSON.encode(request).count < APILimits.takeoverBytesMax)
        // To the lost partition itself there is no takeover.
        #expect(code { _ = try signer.deltas(try slices(1), from: north, to: north) } == "bad_answer")
        let long = String(repeating: "x", count: SliceLimits.reasonBytesMax + 1)
        #expect(code { _ = try TakeoverSigner(ActSigner(identity), act: act, reason: long) } == "reason_too_long")
    }

    @Test func whatMustNotBeSignedIsRefused() throws {
        let mesh = MeshID(Views.bytes(9))
        #expect(code { try preview().refuse(mesh: mesh) } == nil)
        #expect(code { try preview().refuse(mesh: MeshID(Views.bytes(8))) } == "not_our_mesh")
        #expect(code { try preview(heard: ["b.north"]).refuse(mesh: mesh) } == "owner_lives")
        #expect(code { try preview(count: 0).refuse(mesh: mesh) } == "nothing_owned")
        // An act that is asked for again has taken it all: it is done.
        #expect(code { try preview(count: 0).refuse(mesh: mesh, isRepeat: true) } == nil)
        #expect(code { try preview(heard: ["b.north"], count: 0).refuse(mesh: mesh, isRepeat: true) } == "owner_lives")
    }

    @Test func whatNoBoltWouldTakeIsRefusedBeforeTheQuestion() throws {
        let stays = TakeOverResponse.Refusal(group: try Views.group("web"), slice: 3, why: "its owner is another")
        #expect(code { try SliceTakeover.refuse(.init(taken: 4)) } == nil)
        #expect(code { try SliceTakeover.refuse(.init(taken: 3, refused: [stays])) } == nil)
        #expect(code { try SliceTakeover.refuse(.init(taken: 0, refused: [stays])) } == "takeover_refused")
    }

    /// Pasted without its target the command gave the rest to others.
    @Test func theCommandThatGoesOnNamesTheSameOwnerAndReason() throws {
        let (north, act) = (try Views.name("north"), PrincipalID(high: 1, low: 2))
        let whole = SliceTakeover.goingOn(north, to: "south", act: act, reason: "Ada's room burnt")
        #expect(
            whole
                == "boltctl slice takeover --partition north --to south --reason 'Ada'\\''s room burnt' --act \(act)")
        let plain = SliceTakeover.goingOn(north, to: nil, act: act, reason: "")
        #expect(plain == "boltctl slice takeover --partition north --act \(act)")
    }

    /// What is signed is for ever: a slip is found before.
    @Test func aNewOwnerHasToServeTheGroups() throws {
        let text = """
            version: 1
            mesh: {name: example}
            groups: [{name: web, slices: 12}, {name: rest, slices: 4}]
            partitions:
              - {name: north, groups: [web, rest], bolts: [{name: a, address: "10.0.0.1:7440"}]}
              - {name: south, groups: [web], bolts: [{name: a, address: "10.0.1.1:7440"}]}
            """
        let document = TopologyDocument(parsing: text, file: "t.yaml")
        let topology = try #require(document.topology, "\(document.findings)")
        let (web, rest) = (try Views.group("web"), try Views.group("rest"))
        func obstacle(_ name: String, _ groups: Set<GroupName>, drained: [PartitionName] = []) throws -> String? {
            TakeoverPreview.obstacle(try Views.name(name), groups, topology, drained: drained)
        }
        #expect(try obstacle("south", [web]) == nil)
        #expect(try obstacle("south", [web, rest]) == "it does not serve the group")
        #expect(try obstacle("sotuh", [web]) == "it is not in the topology; did you mean south?")
        #expect(try obstacle("south", [web], drained: [Views.name("south")]) == "it is being drained")
    }

    @Test func thePreviewSaysWhoGetsWhatAndWhatCannotBeKnown() throws {
        let preview = try preview()
        let text = preview.text(to: nil)
        #expect(text.contains("5 min ago") && text.contains("what it acknowledged after that"), "\(text)")
        #expect(preview.owners(to: nil) == ["south": 2, "west": 2])
        #expect(preview.owners(to: try Views.name("east")) == ["east": 4])
        #expect(preview.question(to: nil).hasPrefix("Take 4 slices with 40 envoys over from north?"))
    }
}
