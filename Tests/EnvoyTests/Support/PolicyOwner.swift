import BoltAPI
import CRDT
import Envoy
import Foundation
import Identity
import Policy
import Spanner
import Synchronization
import Testing

/// What an owner on paper gives its envoys.
struct PolicyOwner {
    var name = PartitionName(checked: "north")
    var epoch: UInt64 = 1
    var made = WallTime(milliseconds: 1_000_000)
    var maxAgeSeconds: UInt64?
    var expiry = PolicyExpiry.enforceLast

    private func signature(_ bytes: [UInt8]) -> [UInt8] { PaperWitness.sign(bytes, PaperWitness.key(name)) }

    /// A version with a leaf for this envoy and for some others.
    func grant(
        _ sequence: UInt64, to envoy: PrincipalID, body: [UInt8], box: [UInt8]? = nil, revision: String = "r"
    ) throws -> PolicyGrant {
        let witness = PaperWitness()
        let terms = PolicyTerms(maxAgeSeconds: maxAgeSeconds, expiry: expiry)
        let others = (1...5).map {
            PolicyLeaf(envoy: PrincipalID(high: 9, low: $0), body: .zero, box: .zero, terms: terms)
        }
        let leaf = PolicyLeaf(
            envoy: envoy, body: witness.hash(body), box: box.map { witness.hash($0) } ?? .zero, terms: terms)
        let tree = PolicyTree(others + [leaf], by: witness)
        let head = PolicyHead(
            partition: name, epoch: PaperWitness.epoch(epoch), sequence: sequence, root: tree.root,
            count: UInt64(tree.count), revision: revision, made: made)
        let signed = SignedPolicyHead(
            head, warrant: PaperWitness.warrant(name), signature: signature(head.signedBytes(in: PaperWitness.mesh)))
        return try #require(PolicyGrant(signed, of: envoy, in: tree))
    }

    /// A word of freshness.
    func beacon(_ sequence: UInt64, at: WallTime) -> [UInt8] {
        let beacon = PolicyBeacon(
            partition: name, epoch: PaperWitness.epoch(epoch), sequence: sequence, at: at)
        return SignedPolicyBeacon(
            beacon, warrant: PaperWitness.warrant(name),
            signature: signature(beacon.signedBytes(in: PaperWitness.mesh))
        ).canonicalBytes
    }

    /// An order to an envoy.
    func order(
        _ sequence: UInt64, to envoy: PrincipalID, _ kind: PolicyOrder.Kind = .applyNow,
        until: WallTime = WallTime(milliseconds: .max / 2)
    ) -> [UInt8] {
        let order = PolicyOrder(
            partition: name, epoch: PaperWitness.epoch(epoch), sequence: sequence, envoy: envoy, kind: kind,
            notAfter: until)
        return SignedPolicyOrder(
            order, warrant: PaperWitness.warrant(name), signature: signature(order.signedBytes(in: PaperWitness.mesh))
        ).canonicalBytes
    }
}

/// The body of a machine's policy, from the files of a stack.
func policyBody(_ machine: StandingFacts, layer: String, files: [String: String] = [:]) throws -> [UInt8] {
    var all = [
        StackFile(path: "stack.yaml", bytes: Array("stack: test\n".utf8)),
        StackFile(path: "layers/10-base.yaml", bytes: Array(layer.utf8)),
    ]
    all += files.map { StackFile(path: "files/\($0.key)", bytes: Array($0.value.utf8)) }
    let stack = try Stack.read(all).get()
    return try stack.body(of: stack.selection(for: machine)).get().bytes
}

/// A bolt that has a policy for one envoy, takes all results, and can be away or give other things than it should.
final class PolicyServer: EnvoyPort, Sendable {
    struct State {
        var grant: PolicyGrant?
        var body: [UInt8] = []
        var box: [UInt8]?
        /// What is said beside; its grant, where it has one, is said whatever the envoy holds.
        var said: CheckInPolicy?
        var order: [UInt8]?
        /// The push that it is of.
        var push: PrincipalID?
        var beacon: [UInt8]?
        var machine: CheckInMachine?
        var isAway = false
        /// How often a wait is answered with news; after that it is refused.
        var news = 0
        var requests: [CheckInRequest] = []
        var fetched: [Bytes32] = []
        var waits = 0
        var stored: [[UInt8]] = []
    }

    let state: Mutex<State>
    /// Called before each answer, and when somebody waits for news: a test looks at the disk then.
    private let watch: @Sendable (String) -> Void

    init(watch: @escaping @Sendable (String) -> Void = { _ in }) {
        state = Mutex(State())
        self.watch = watch
    }

    /// From now on the envoy is to have this.
    func give(_ grant: PolicyGrant, body: [UInt8], box: [UInt8]? = nil) {
        state.withLock { ($0.grant, $0.body, $0.box) = (grant, body, box) }
    }

    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse {
        watch("check-in")
        let answer: CheckInResponse? = state.withLock { state in
            guard !state.isAway else { return nil }
            state.requests.append(request)
            for result in request.results where result.sequence == UInt64(state.stored.count) + 1 {
                state.stored.append(result.body.bytes)
            }
            var answer = ScriptedPort.takeAll(request)
            answer.policy = Self.policy(request, state)
            return answer
        }
        guard let answer else { throw .away() }
        return answer
    }

    private static func policy(_ request: CheckInRequest, _ state: State) -> CheckInPolicy? {
        if let said = state.said { return said }
        guard let grant = state.grant else { return nil }
        let isCurrent = request.heldDigest == grant.leaf.hash(by: PaperWitness())
        return CheckInPolicy(
            state: isCurrent ? .current : .changed, sequence: grant.signed.head.sequence,
            grant: isCurrent ? nil : Base64Bytes(grant.canonicalBytes),
            box: isCurrent ? nil : state.box.map { Base64Bytes($0) }, beacon: state.beacon.map { Base64Bytes($0) },
            order: state.order.map { Base64Bytes($0) }, push: state.push, body: isCurrent ? nil : grant.leaf.body,
            machine: state.machine)
    }

    func policyBody(_ digest: Bytes32, at address: String) async throws(EnvoyPortFailure) -> [UInt8] {
        watch("body")
        let body: [UInt8]? = state.withLock { state in
            guard !state.isAway else { return nil }
            state.fetched.append(digest)
            return state.body
        }
        guard let body else { throw .away() }
        return body
    }

    func policyWait(held: Bytes32?, order: UInt64, at address: String) async throws(EnvoyPortFailure) -> Bool {
        watch("wait")
        let isNews = state.withLock { state in
            state.waits += 1
            state.news -= 1
            return state.news >= 0
        }
        guard isNews else { throw .away("nothing to wait for") }
        return true
    }

    /// Passes that were told, in order.
    var passes: [PassRecord] { state.withLock { $0.stored }.compactMap { PassRecord(resultBody: $0) } }
    var fetched: Int { state.withLock { $0.fetched.count } }
}

/// An enforcer that keeps what it was given, and says of each resource what it is told to say.
final class FakeEnforcer: PolicyEnforcer, Sendable {
    struct Call: Sendable {
        var policy: ResolvedPolicy
        var secrets: [[UInt8]]
        var safeOnly: Bool
    }

    private let log = Mutex<[Call]>([])
    let isDryRun: Bool

    init(isDryRun: Bool = false) { self.isDryRun = isDryRun }

    var calls: [Call] { log.withLock { $0 } }

    func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble> {
        log.withLock { $0.append(Call(policy: policy, secrets: secrets, safeOnly: safeOnly)) }
        var counts = PassCounts()
        var resources: [PassResource] = []
        for resource in policy.resources {
            let waits = safeOnly && resource.effect == .disruptive
            let outcome: PassResource.Outcome = waits ? .skipped : isDryRun ? .wouldChange : .changed
            switch outcome {
            case .skipped: counts.skipped += 1
            case .wouldChange: counts.wouldChange += 1
            case _: counts.changed += 1
            }
            resources.append(
                PassResource(
                    id: resource.id.text, type: resource.id.type, outcome: outcome, microseconds: 1,
                    reason: waits ? "disruptive_waits" : nil))
        }
        return .success(
            PassReport(
                isDryRun: isDryRun, isConverged: counts.skipped == 0 && !isDryRun, microseconds: 1, counts: counts,
                resources: resources))
    }
}

/// A machine of the tests.
enum Machine {
    static let id = PrincipalID(high: 3, low: 4)
    static let key = SealingKey.generate()

    static func facts() throws -> StandingFacts {
        StandingFacts(
            id: id, name: try #require(PrincipalName("web-1")), group: GroupName(checked: "web"),
            labels: ["role": "front"])
    }

    static func work(_ enforcer: any PolicyEnforcer, log: PassLog? = nil) throws -> PolicyWork {
        PolicyWork(machine: try facts(), sealingKey: key, enforcer: enforcer, log: log)
    }
}
