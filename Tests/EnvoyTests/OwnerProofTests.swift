import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// P2, P6: the agent follows the owner of its slice by proofs, over restarts.
@Suite struct OwnerProofTests {
    private static let names = ["north", "south"].map { PartitionName(checked: $0) }

    @Test("P2, P6: an owner that proves itself is followed; one that lies, and one that was, release nothing")
    func followed() async throws {
        let scratch = try Scratch()
        let stranger = try Names.bolt("south", at: "impostor:1")
        let first = PaperWitness.first(Self.names[0])
        guard let (handOn, second) = PaperWitness.handOn(first, to: Self.names[1]) else {
            Issue.record("no hand-on")
            return
        }
        let claims = [
            PaperWitness.claim(first, epoch: 5), PaperWitness.claim(second, epoch: 9),
            PaperWitness.claim(second, epoch: 1, path: [handOn]), nil, PaperWitness.claim(first, epoch: 50),
        ]
        let epochs: [UInt64] = [5, 9, 1, 1, 50]
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let all = ScriptedPort.last(request)
            let word = PaperWitness.signature(second, epoch: 1, all: all, of: request)
            return ScriptedPort.answer(
                stored: all, released: number == 0 ? 0 : all, register: 100, epoch: epochs[number],
                bolts: number == 1 || number == 4 ? [stranger] : [], claim: claims[number],
                signature: number == 3 ? word : nil)
        }
        var held: [Int] = []
        for number in 0...4 {
            let pass = try await withAgent(scratch.state, port, seeds: ["a:1"], seed: UInt64(number)) {
                try await $0.runOnce()
            }
            held.append(try scratch.state.openQueue().held().items)
            switch (number, pass) {
            case (0, .delivered), (2, .delivered), (3, .delivered): break
            case (1, .failed(let failure, _)): #expect(failure.code == "unproved_owner")
            case (4, .failed(let failure, _)): #expect(failure.code == "superseded_owner")
            default: Issue.record("pass \(number) ended as \(pass)")
            }
        }
        // What somebody passes on without the owner's word is not deleted.
        #expect(held == [1, 2, 3, 0, 1])
        let (none, old) = (OwnerMark(register: 0, epoch: 0), OwnerMark(register: 2, epoch: 5, hash: first.hash))
        let new = OwnerMark(register: 3, epoch: 1, hash: second.hash)
        #expect(port.requests.map(\.highest) == [none, old, old, new, new])
        #expect(!port.addresses.contains("impostor:1"))
    }

    @Test("R10, P2: what cannot be read as a proof is none; the next bolt is asked at once")
    func unreadable() async throws {
        let scratch = try Scratch()
        let first = PaperWitness.first(Self.names[0])
        let good = PaperWitness.claim(first, epoch: 5)
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let all = ScriptedPort.last(request)
            let claims = [Base64Bytes([1, 2, 3]), Base64Bytes([UInt8](repeating: 0, count: 300_000)), good]
            return ScriptedPort.answer(
                stored: all, released: all, register: 2, epoch: 5, claim: claims[min(number, claims.count - 1)],
                signature: PaperWitness.signature(first, epoch: 5, all: all, of: request))
        }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        guard case .delivered = pass else {
            Issue.record("the third bolt proved itself, and the pass ended as \(pass)")
            return
        }
        #expect(Set(port.addresses).count == 3 && port.requests.count == 3)
        #expect(try scratch.state.openQueue().held().items == 0)
    }

    @Test("P2, P6: admitted with its slice's register, an agent deletes nothing for a liar that it meets first")
    func admitted() async throws {
        let scratch = try Scratch()
        let id = PrincipalID(high: 1, low: 2)
        let first = PaperWitness.first(Self.names[0])
        let claim = SliceVoucher(SliceClaim(register: first, epoch: .none), signature: nil).canonicalBytes
        try scratch.state.save(
            EnvoyDirectory.Profile(
                id: id, name: try #require(PrincipalName("web-1")), partition: Self.names[1], group: nil, bolts: [],
                claim: Base64Bytes(claim)))
        _ = try scratch.state.openQueue(for: id)
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let all = ScriptedPort.last(request)
            let word = PaperWitness.signature(first, epoch: 5, all: all, of: request)
            return switch number {
            case 0: ScriptedPort.answer(stored: all, released: all, register: 9, epoch: 50)
            case 1: ScriptedPort.answer(stored: all, released: all, register: 9, epoch: 0)
            default:
                ScriptedPort.answer(
                    stored: all, released: all, register: 2, epoch: 5, claim: PaperWitness.claim(first, epoch: 5),
                    signature: word)
            }
        }
        var held: [Int] = []
        for number in 0...2 {
            _ = try await withAgent(scratch.state, port, seeds: ["a:1"], seed: UInt64(number)) {
                try await $0.runOnce()
            }
            held.append(try scratch.state.openQueue().held().items)
        }
        #expect(held == [1, 2, 0])
        let known = OwnerMark(register: 2, epoch: 0, hash: first.hash)
        #expect(port.requests.map(\.highest) == [known, known, known], "it says from the first what it was told")
    }

    @Test("P5, P6: a signed answer to one report says nothing of another that it is told again to")
    func replayed() async throws {
        let scratch = try Scratch()
        let first = PaperWitness.first(Self.names[0])
        let kept = Mutex<CheckInResponse?>(nil)
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            if number == 1, let old = kept.withLock({ $0 }) { return old }
            var report = request
            // What the owner was told under the same numbers by another life of this queue.
            if number == 0 {
                report.results = request.results.map { EnvoyResult(sequence: $0.sequence, body: Base64Bytes([1])) }
            }
            let all = ScriptedPort.last(request)
            let answer = ScriptedPort.answer(
                stored: all, released: all, register: 2, epoch: 5, claim: PaperWitness.claim(first, epoch: 5),
                signature: PaperWitness.signature(first, epoch: 5, all: all, of: report))
            kept.withLock { $0 = answer }
            return answer
        }
        for number in 0...2 {
            _ = try await withAgent(scratch.state, port, seeds: ["a:1"], seed: UInt64(number)) {
                try await $0.runOnce(recording: number == 0)
            }
            #expect(try scratch.state.openQueue().held().items == (number == 2 ? 0 : 1))
        }
    }

    @Test("P2: what an agent kept of an owner's number before owners proved themselves still stands")
    func older() async throws {
        let scratch = try Scratch()
        // Its lock goes with the queue itself.
        try scratch.state.openQueue().meta.set("fence", to: Array(#"{"epoch":4,"register":1}"#.utf8))
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let all = ScriptedPort.last(request)
            return ScriptedPort.answer(stored: all, released: all, register: 1, epoch: number == 0 ? 3 : 4)
        }
        for number in 0...1 {
            _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
            #expect(try scratch.state.openQueue().held().items == (number == 0 ? 1 : 0))
        }
    }

    @Test("P2: only the owner's signature says which bolts there are; those that another names are asked after them")
    func namesOfOthers() async throws {
        let scratch = try Scratch()
        let first = PaperWitness.first(Self.names[0])
        let (north, south) = (try Names.bolt("north", at: "a:1"), try Names.bolt("south", at: "b:1"))
        let strangers = [try Names.bolt("north", at: "x:1"), south]
        let script = ScriptedPort { request, number throws(EnvoyPortFailure) in
            // The owner's bolt answers once; then the other one passes its word on, and names bolts of its own.
            if number == 1 { throw .away() }
            let all = ScriptedPort.last(request)
            return ScriptedPort.answer(
                stored: all, released: all, register: 2, epoch: 5, bolts: number == 0 ? [north, south] : strangers,
                claim: number == 0 ? PaperWitness.claim(first, epoch: 5) : nil,
                signature: PaperWitness.signature(first, epoch: 5, all: all, of: request),
                boltsSignature: number == 0
                    ? PaperWitness.bolts([north, south], of: Self.names[0], epoch: 5, number: 1) : nil)
        }
        let port = CertifiedPort(script: script, partitions: ["a:1": Self.names[0], "b:1": Self.names[1]])
        try await withAgent(scratch.state, port, seeds: ["a:1"]) { agent in
            for _ in 1...2 {
                guard case .delivered = try await agent.runOnce() else {
                    Issue.record("it was not delivered")
                    return
                }
            }
            #expect(script.addresses == ["a:1", "a:1", "b:1"])
            #expect(await agent.addresses == ["a:1", "b:1", "x:1"])
            #expect(await agent.known.home == 1)
        }
        try await withAgent(scratch.state, port, seeds: ["s:1"]) { agent in
            #expect(await agent.addresses == ["a:1", "b:1"], "what others named is not kept")
        }
    }
}

/// Bolts of which certificates say whose they are.
private struct CertifiedPort: EnvoyPort {
    let script: ScriptedPort
    let partitions: [String: PartitionName]

    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse {
        try await script.checkIn(request, at: address)
    }

    func partition(at address: String) -> PartitionName? { partitions[address] }
}
