import BoltAPI
import CRDT
import Foundation
import Identity
import Logging
import Policy
import Spanner
import SpannerStore
import SpannerTestKit
import Synchronization
import Testing
import Vault

@testable import Bolt

/// A partition of one bolt over a real database with its policy, and a fleet that the test says.
final class PolicyBed: Sendable {
    static let north = PartitionName(checked: "north")

    let root = NSTemporaryDirectory() + "bolt-policy-\(UUID().uuidString.prefix(8))"
    let bolt: TestIdentity
    let board: OwnershipBoard
    let partition: PartitionService
    let policy: PolicyService
    private let fleet: Fleet

    /// Envoys as the roster has them.
    final class Fleet: Sendable {
        private let state = Mutex((members: [FleetMember](), changes: UInt64(1)))

        func set(_ members: [FleetMember]) {
            state.withLock { state in
                state.members = members
                state.changes += 1
            }
        }

        var changes: UInt64 { state.withLock { $0.changes } }

        func page(_ from: Int, _ limit: Int) -> FleetPage {
            state.withLock { state in
                let end = min(state.members.count, from + limit)
                return FleetPage(
                    members: Array(state.members[min(from, end)..<end]), next: end < state.members.count ? end : nil)
            }
        }
    }

    init() async throws {
        bolt = TestIdentity(.bolt(PolicyBed.north, BoltName(checked: "a")), seed: 1)
        board = OwnershipBoard(own: PolicyBed.north, mesh: TestIdentity.mesh, witness: TestWitness())
        let identity = "\(root)/identity"
        try FileManager.default.createDirectory(atPath: identity, withIntermediateDirectories: true)
        let mark = FounderMark(directory: identity)
        try mark.make(partition: PolicyBed.north.text)
        let store = try PartitionStore(
            directory: StateDirectory(path: "\(root)/state"),
            identity: PartitionIdentity(mesh: TestIdentity.mesh, partition: PolicyBed.north), witness: TestWitness())
        let logger = PolicyBed.logger
        let start = try PartitionStart(
            store: store, key: TestWitness().hash([1]), mark: mark, logger: logger, witness: TestWitness())
        let sealing = SealService(
            VaultOwner(mesh: TestIdentity.mesh, partition: PolicyBed.north), keyFile: nil, logger: logger)
        let context = SliceContext(board: board, chain: bolt.chain, signer: bolt.signer)
        partition = PartitionService(
            start, settings: PartitionSettings(), recordsKept: 1000, witness: TestWitness(), sealing: sealing,
            logger: logger, metrics: MetricsRegistry(), slices: context,
            failure: { error in Issue.record("\(error)") })
        fleet = Fleet()
        policy = PolicyBed.service(partition, context, fleet)
        await partition.start { _ in }
        partition.post(.surroundings(PartitionSurroundings()))
        try await wait("it reigns") { [partition] in await partition.read { $0.reign != nil } }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    private static func service(
        _ partition: PartitionService, _ context: SliceContext, _ fleet: Fleet
    ) -> PolicyService {
        PolicyService(
            partition, context: context,
            surroundings: PolicySurroundings(
                fleet: { fleet.page($0, $1) }, fleetChanges: { fleet.changes }, bolt: "a.north"),
            logger: logger, metrics: MetricsRegistry())
    }

    /// Another life of the same service, over the same journal.
    func reborn() -> PolicyService {
        PolicyBed.service(partition, SliceContext(board: board, chain: bolt.chain, signer: bolt.signer), fleet)
    }

    // MARK: - The fleet

    static func envoy(_ number: UInt64) -> PrincipalID { PrincipalID(high: 77, low: number) }

    static func member(_ number: UInt64, group: String = "web", key: Bytes32? = nil) -> FleetMember {
        guard let name = PrincipalName("web-\(number)") else { preconditionFailure("web-\(number) is a name") }
        return FleetMember(
            facts: StandingFacts(
                id: envoy(number), name: name, group: GroupName(checked: group),
                labels: [:]),
            sealingKey: key, isContested: false)
    }

    func admit(_ members: [FleetMember]) { fleet.set(members) }

    // MARK: - Stacks

    static func files(motd: String, secret: Bool = false, rollout: String = "") -> [PolicyFile] {
        let base = """
            layer: base
            match:
              groups: [web]
            resources:
              - file: /etc/motd
                content: "\(motd)"
            """
        let vault = """
            layer: vault
            match:
              groups: [db]
            resources:
              - file: /etc/password
                content: "secret:db/password"
            """
        let all = [
            ("stack.yaml", "stack: example\n" + rollout), ("layers/10-base.yaml", base + "\n"),
            ("layers/20-vault.yaml", vault + "\n"),
        ]
        return all.filter { secret || !$0.0.contains("vault") }.map {
            PolicyFile(path: $0.0, bytes: Array($0.1.utf8))
        }
    }

    @discardableResult
    func publish(
        _ files: [PolicyFile], as revision: String = "r1", immediately: Bool = false, dryRun: Bool = false
    ) async throws -> PolicyService.StackChange {
        await policy.look()
        let brought = try policy.brought(files)
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: brought.digest, revision: revision,
            who: "operator/ada", note: "a test")
        publication.immediately = immediately
        return try await policy.publish(brought, as: publication, dryRun: dryRun)
    }

    // MARK: - Envoys

    /// What becomes of a revision that a source offers.
    func offer(_ revision: String, _ files: [PolicyFile]) async throws -> PolicyVerdict {
        let whole = try #require(PolicyFiles(files))
        return await policy.offer(PolicySnapshot(revision: revision, files: whole), by: "git")
    }

    /// What a check-in is told.
    func word(_ number: UInt64, _ held: HeldPolicy = HeldPolicy(), through place: UInt64 = 0) throws -> PolicyWord {
        try #require(
            policy.board.word(
                for: PolicyBed.envoy(number), holding: held, isContested: false, through: place, now: WallClock.now()))
    }

    /// What an envoy holds that took a grant.
    static func held(_ grant: PolicyGrant) -> HeldPolicy {
        HeldPolicy(leaf: grant.leaf.hash(by: TestWitness()), sequence: grant.signed.head.sequence)
    }

    /// A pass that an envoy tells of.
    static func pass(
        _ place: UInt64, of sequence: UInt64, succeeded: Bool = true, push: PrincipalID? = nil,
        order: UInt64? = nil
    ) -> HeardPass {
        HeardPass(
            place: place, sequence: sequence, hasSucceeded: succeeded, isTelling: true,
            failure: succeeded ? nil : "file:/etc/motd: read-only", push: push, order: order)
    }

    func close() async {
        await policy.close()
        await partition.close()
    }
}
