import BoltAPI
import CRDT
import Foundation
import Identity
import Policy
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// What an agent takes of policy and what it refuses: nothing that is not its owner's, for it, whole and newer (S8).
@Suite struct PolicyAcceptanceTests {
    private let owner = PolicyOwner()

    private func body(_ text: String) throws -> [UInt8] {
        try policyBody(try Machine.facts(), layer: "layer: base\nresources:\n  - file: /motd\n    content: \(text)\n")
    }

    private func content(_ call: FakeEnforcer.Call?) -> [UInt8]? {
        guard case .success(.file(let file))? = call?.policy.resources.first?.content else { return nil }
        return file.content
    }

    @Test("a policy is accepted, applied and told of; over a restart it is kept, and fetched no more")
    func accepted() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let first = try body("one")
        server.give(try owner.grant(1, to: Machine.id, body: first), body: first)
        for _ in 1...2 {
            let policy = try Machine.work(enforcer)
            let pass = try await withAgent(scratch.state, server, policy: policy) { try await $0.runOnce() }
            guard case .delivered = pass else {
                Issue.record("ended as \(pass)")
                return
            }
        }
        #expect(server.fetched == 1 && enforcer.calls.count == 2 && content(enforcer.calls.last) == Array("one".utf8))
        #expect(server.passes.map(\.sequence) == [1, 1] && server.passes.allSatisfy { $0.outcome == .changed })
        #expect(server.passes.last?.body == PaperWitness().hash(first) && server.passes.last?.isOffline == false)
        let held = server.state.withLock { $0.requests.map(\.heldDigest) }
        #expect(held.first == .some(nil) && held.last != .some(nil))
    }

    @Test("a newer one takes its place; only a body that is not here is fetched")
    func replaced() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        for (sequence, text) in [(1, "one"), (2, "one"), (3, "two")] {
            let bytes = try body(text)
            server.give(try owner.grant(UInt64(sequence), to: Machine.id, body: bytes), body: bytes)
            _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) {
                try await $0.runOnce()
            }
        }
        // The second is the same leaf: whoever holds it has what it is to have.
        #expect(server.fetched == 2 && server.passes.map(\.sequence) == [1, 1, 3])
        #expect(content(enforcer.calls.last) == Array("two".utf8))
    }

    /// What can be wrong with what comes, and what is said of it.
    enum Wrong: String, CaseIterable, Sendable {
        case forged, leafChanged, otherEnvoy, older, cut, rubbish, bodyChanged, bodyCut, noBody, boxChanged, boxForeign

        var code: String {
            switch self {
            case .forged, .leafChanged: "policy_forged"
            case .otherEnvoy: "policy_other_envoy"
            case .older: "policy_replayed"
            case .cut, .rubbish: "policy_malformed"
            case .bodyChanged, .bodyCut, .noBody: "policy_unfetched"
            case .boxChanged, .boxForeign: "policy_mismatch"
            }
        }
    }

    private func give(_ wrong: Wrong, _ server: PolicyServer, as sequence: UInt64 = 8) throws {
        let bytes = try body("bad")
        let secrets = [(name: "a", value: SecretBytes([1, 2, 3]))]
        let box = try SealedSecrets.seal(
            secrets, to: wrong == .boxForeign ? SealingKey.generate().publicKey : Machine.key.publicKey)
        let good = try owner.grant(sequence, to: Machine.id, body: bytes, box: box)
        let foreign = try owner.grant(sequence, to: PrincipalID(high: 7, low: 7), body: bytes)
        let older = try owner.grant(4, to: Machine.id, body: bytes)
        var signature = good.signed.signature
        signature[9] ^= 1
        var leaf = good.leaf
        leaf.body = .zero
        let grant: [UInt8] =
            switch wrong {
            case .forged:
                PolicyGrant(
                    signed: SignedPolicyHead(
                        good.signed.head, warrant: good.signed.warrant, signature: signature), leaf: good.leaf,
                    path: good.path
                ).canonicalBytes
            case .leafChanged: PolicyGrant(signed: good.signed, leaf: leaf, path: good.path).canonicalBytes
            case .otherEnvoy: foreign.canonicalBytes
            case .older: older.canonicalBytes
            case .cut: Array(good.canonicalBytes.dropLast(3))
            case .rubbish: [UInt8](repeating: 0xFF, count: 100_000)
            case .bodyChanged, .bodyCut, .noBody, .boxChanged, .boxForeign: good.canonicalBytes
            }
        let given: [UInt8] =
            switch wrong {
            case .bodyChanged: bytes + [0]
            case .bodyCut: Array(bytes.dropLast())
            case .noBody: []
            case _: bytes
            }
        var sent = box
        if wrong == .boxChanged { sent[sent.count - 1] ^= 1 }
        server.state.withLock { state in
            state.body = given
            state.said = CheckInPolicy(
                state: .changed, sequence: sequence, grant: Base64Bytes(grant), box: Base64Bytes(sent),
                body: good.leaf.body)
        }
    }

    @Test(
        "S8: one that is forged, changed, cut, of another machine or older is refused and told once; the old one stays",
        arguments: Wrong.allCases)
    func refused(wrong: Wrong) async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let first = try body("one")
        server.give(try owner.grant(5, to: Machine.id, body: first), body: first)
        let policy = try Machine.work(enforcer)
        try await withAgent(scratch.state, server, policy: policy) { agent in
            _ = try await agent.runOnce()
            try give(wrong, server)
            for _ in 1...3 { _ = try await agent.runOnce() }
        }
        let troubles = server.passes.compactMap(\.trouble)
        #expect(troubles.count == 1 && troubles.first?.contains(wrong.code) == true, "\(troubles)")
        #expect(content(enforcer.calls.last) == Array("one".utf8), "what was in force stays in force")
        // And it recovers as soon as it is given what is right.
        let next = try body("two")
        server.state.withLock { $0.said = nil }
        server.give(try owner.grant(9, to: Machine.id, body: next), body: next)
        _ = try await withAgent(scratch.state, server, policy: policy) { try await $0.runOnce() }
        #expect(content(enforcer.calls.last) == Array("two".utf8))
        #expect(server.passes.last?.sequence == 9 && server.passes.last?.trouble == nil)
    }

    /// Of the second version that it could not take nobody heard: its owner waited for it until it counted as silent.
    @Test("each version that can't be taken is told once; the trouble is over with one that is, whoever brings it")
    func over() async throws {
        let scratch = try Scratch()
        let server = PolicyServer()
        let (first, last) = (try body("one"), try body("two"))
        server.give(try owner.grant(5, to: Machine.id, body: first), body: first)
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(FakeEnforcer())
        ) { agent in
            _ = try await agent.runOnce()
            for sequence: UInt64 in [8, 9, 8, 9] {
                try give(.boxForeign, server, as: sequence)
                _ = try await agent.runOnce()
                #expect(await agent.policyTrouble?.sequence == sequence)
            }
            // A bolt of another partition, which never says that what is held is current.
            let grant = try owner.grant(10, to: Machine.id, body: last)
            server.state.withLock {
                $0.body = last
                $0.said = CheckInPolicy(
                    state: .covered, sequence: 10, grant: Base64Bytes(grant.canonicalBytes), body: grant.leaf.body)
            }
            _ = try await agent.runOnce()
            #expect(await agent.policyInForce?.sequence == 10)
            #expect(await agent.policyTrouble == nil)
            #expect(scratch.state.history()?.policy?.trouble == nil)
        }
        let troubles = server.passes.filter { $0.trouble?.contains("policy_mismatch") == true }
        #expect(troubles.map(\.sequence) == [8, 9])
    }

    @Test("D1: wherever it is killed while it takes a policy, the one before or the new one is there, whole")
    func killPoints() async throws {
        let scratch = try Scratch()
        let places = Mutex<[String]>([])
        let source = scratch.state.queuePath
        let server = PolicyServer { _ in
            let copy = scratch.file("copy-\(places.withLock { $0.count })")
            try? FileManager.default.copyItem(atPath: source, toPath: copy)
            places.withLock { $0.append(copy) }
        }
        let (first, second) = (try body("one"), try body("two"))
        let box = try SealedSecrets.seal([(name: "a", value: SecretBytes([9]))], to: Machine.key.publicKey)
        server.give(try owner.grant(1, to: Machine.id, body: first), body: first)
        try await withAgent(scratch.state, server, closing: false, policy: try Machine.work(FakeEnforcer())) { agent in
            _ = try await agent.runOnce()
            server.give(try owner.grant(2, to: Machine.id, body: second, box: box), body: second, box: box)
            _ = try await agent.runOnce()
        }
        var found: [String] = []
        for copy in places.withLock({ $0 }) {
            let queue = try QueueStore(path: copy)
            switch try queue.policy.load() {
            case .none: found.append("none")
            case .damaged(let why): Issue.record("half a policy: \(why)")
            case .whole(let policy):
                let grant = try PolicyGrant(policy.grant)
                let isFirst = policy.body == first && policy.box == nil && grant.signed.head.sequence == 1
                let isSecond = policy.body == second && policy.box == box && grant.signed.head.sequence == 2
                #expect(isFirst || isSecond)
                found.append(isFirst ? "one" : "two")
            }
        }
        #expect(found.first == "none" && found.contains("one") && found.last == "two", "\(found)")
        #expect(found == found.sorted { Self.rank($0) < Self.rank($1) }, "it never goes back: \(found)")
    }

    private static func rank(_ name: String) -> Int { ["none", "one", "two"].firstIndex(of: name) ?? 9 }

    @Test("D4: a policy whose parts do not fit together is let go of, told, and fetched anew; nothing older comes in")
    func damagedCache() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let first = try body("one")
        let grant = try owner.grant(5, to: Machine.id, body: first)
        server.give(grant, body: first)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        do {
            let queue = try scratch.state.openQueue()
            guard case .whole(var policy) = try queue.policy.load() else { return }
            policy.body.append(0)
            try queue.policy.accept(policy)
            try queue.close()
        }
        // An older one in its place is a replay all the same.
        let old = try body("old")
        server.give(try owner.grant(4, to: Machine.id, body: old), body: old)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        #expect(enforcer.calls.count == 1)
        server.give(grant, body: first)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        let troubles = server.passes.compactMap(\.trouble)
        for code in ["policy_cache_damaged", "policy_replayed"] {
            #expect(troubles.filter { $0.contains(code) }.count == 1, "\(code): \(troubles)")
        }
        #expect(server.fetched == 2 && enforcer.calls.count == 2)
        #expect(content(enforcer.calls.last) == Array("one".utf8))
    }

    /// As builds wrote it that had the terms of its age in the head.
    private func olderForm(_ grant: PolicyGrant) -> [UInt8] {
        var encoder = CanonicalEncoder()
        grant.signed.head.encode(to: &encoder)
        grant.leaf.terms.encode(to: &encoder)
        grant.signed.warrant.encode(to: &encoder)
        encoder.raw(grant.signed.signature)
        encoder.raw(grant.leaf.envoy.bytes)
        encoder.fixed(grant.leaf.body)
        encoder.fixed(grant.leaf.box)
        grant.path.encode(to: &encoder)
        return encoder.bytes
    }

    @Test("a policy that another build kept in another form is let go of, told as that, and fetched anew")
    func outdatedCache() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let first = try body("one")
        server.give(try owner.grant(5, to: Machine.id, body: first), body: first)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        do {
            let queue = try scratch.state.openQueue()
            guard case .whole(var policy) = try queue.policy.load() else {
                Issue.record("nothing was kept")
                return
            }
            policy.grant = olderForm(try PolicyGrant(policy.grant))
            #expect(throws: DecodingFailure.self) { try PolicyGrant(policy.grant) }
            try queue.policy.accept(policy)
            try queue.close()
        }
        server.give(try owner.grant(6, to: Machine.id, body: first), body: first)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        let troubles = server.passes.compactMap(\.trouble)
        #expect(troubles.count == 1 && troubles.first?.contains("policy_cache_outdated") == true, "\(troubles)")
        #expect(server.fetched == 2 && enforcer.calls.count == 2 && server.passes.last?.sequence == 6)
    }

    @Test("secrets are opened for the pass and for it alone; none of them is on the disk in clear")
    func secrets() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let layer = "layer: base\nresources:\n  - file: /password\n    content: secret:db/password\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        let value = Array("correct horse battery staple".utf8)
        let box = try SealedSecrets.seal(
            [(name: "db/password", value: SecretBytes(value))], to: Machine.key.publicKey)
        server.give(try owner.grant(1, to: Machine.id, body: bytes, box: box), body: bytes, box: box)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { try await $0.runOnce() }
        #expect(content(enforcer.calls.last) == value && enforcer.calls.last?.secrets == [value])
        #expect(enforcer.calls.last?.policy.resources.first?.isSensitive == true)
        let files = try #require(FileManager.default.enumerator(atPath: scratch.path))
        for case let name as String in files {
            let data = (try? Data(contentsOf: URL(fileURLWithPath: scratch.file(name)))) ?? Data()
            #expect(data.firstRange(of: value) == nil, "\(name) has the secret")
        }
    }

    @Test("what the roster says of the machine goes into its templates, and is kept for when nobody says it")
    func rosterFacts() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let layer = "layer: base\nresources:\n  - file: /role\n    content: \"{{labels.role}} of {{machine.group}}\"\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        server.state.withLock {
            $0.machine = CheckInMachine(
                name: PrincipalName("web-1") ?? Self.anyName, group: GroupName(checked: "edge"),
                labels: ["role": "back"])
        }
        for isAway in [false, true] {
            server.state.withLock { $0.isAway = isAway }
            _ = try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) {
                try await $0.runOnce()
            }
            #expect(content(enforcer.calls.last) == Array("back of edge".utf8))
        }
    }

    private static var anyName: PrincipalName { preconditionFailure("web-1 is a name") }
}
