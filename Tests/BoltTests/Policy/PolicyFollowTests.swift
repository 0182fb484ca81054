import BoltAPI
import Identity
import Logging
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// Who decides what is in force where a partition follows a source: the source, unless an operator froze the stack.
struct PolicyFollowTests {
    /// A branch that stands at one commit.
    private final class Branch: PolicySource {
        let revision: String
        let files: PolicyFiles

        init(_ revision: String, _ files: [PolicyFile]) throws {
            (self.revision, self.files) = (revision, try #require(PolicyFiles(files)))
        }

        var words: String { "git branch" }

        func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
            revision == known ? nil : PolicySnapshot(revision: revision, files: files)
        }
    }

    private let branch: Branch

    init() throws { branch = try Branch("c2", PolicyBed.files(motd: "two")) }

    private func source() -> PolicySourceService {
        PolicySourceService(
            branch, interval: .seconds(60), staleAfter: .seconds(900), logger: Logger(label: "test"),
            metrics: MetricsRegistry())
    }

    /// A look as the daemon takes it; then what is in force.
    private func look(_ source: PolicySourceService, _ policy: PolicyService) async -> String? {
        await source.look(inForce: await policy.read { $0.reign?.version?.revision }) {
            await policy.offer($0, by: "git")
        }
        return await policy.read { $0.reign?.version?.revision }
    }

    private func set(_ policy: PolicyService, isFrozen: Bool) async throws {
        let freeze = PolicyFreeze(isFrozen: isFrozen, reason: "bad", who: "operator/ada", at: WallClock.now())
        let entry = AuditEntry(
            at: freeze.at, actor: freeze.who, action: "stack.freeze", object: "north", reason: freeze.reason)
        _ = try await policy.freeze(freeze, audit: entry)
    }

    private func rollBack(_ policy: PolicyService, freezing: Bool) async throws {
        let target = try await policy.rollbackTarget("c1")
        let brought = try await policy.brought(of: target)
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: target.stack, revision: target.revision,
            who: "operator/ada", note: "")
        if freezing {
            publication.freeze = PolicyFreeze(isFrozen: true, reason: "bad", who: "operator/ada", at: WallClock.now())
        }
        _ = try await policy.publish(brought, as: publication, dryRun: false)
    }

    /// The first commit, and then the second, as the source brings it.
    private func begun(_ source: PolicySourceService) async throws -> PolicyBed {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        await bed.policy.look()
        #expect(try await bed.offer("c1", PolicyBed.files(motd: "one")) == .accepted)
        #expect(await look(source, bed.policy) == "c2")
        return bed
    }

    /// The source's service took the commit for settled: it came back with the next failover, and not with unfreeze.
    @Test("A rollback's freeze holds through a failover; unfreezing follows the source", .timeLimit(.minutes(1)))
    func rollback() async throws {
        let first = source()
        let bed = try await begun(first)
        try await rollBack(bed.policy, freezing: true)
        #expect(await look(first, bed.policy) == "c1")
        let (next, second) = (bed.reborn(), source())
        await next.look()
        for _ in 1...2 { #expect(await look(second, next) == "c1", "a failover decides nothing") }
        let status = await second.status()
        #expect(status.newest == "c2" && status.revision == nil)
        try await set(next, isFrozen: false)
        #expect(await look(second, next) == "c2")
        await next.close()
        await bed.close()
    }

    @Test("What is in force without a freeze is the source's, failover or not", .timeLimit(.minutes(1)))
    func free() async throws {
        let first = source()
        let bed = try await begun(first)
        try await rollBack(bed.policy, freezing: false)
        #expect(await look(first, bed.policy) == "c2", "the same bolt brings it back, and not the next one by surprise")
        try await set(bed.policy, isFrozen: true)
        try await bed.publish(PolicyBed.files(motd: "urgent"), as: "urgent")
        #expect(await look(first, bed.policy) == "urgent")
        try await set(bed.policy, isFrozen: false)
        #expect(await look(first, bed.policy) == "c2")
        await bed.close()
    }
}
