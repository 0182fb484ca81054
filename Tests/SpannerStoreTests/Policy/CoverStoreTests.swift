import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Copies of other partitions' policy: durable, within a budget, never served where they rotted.
@Suite struct CoverStoreTests {
    private let south = PartitionName(checked: "south")
    private let west = PartitionName(checked: "west")

    private func open(_ scratch: Scratch, bytesMax: UInt64 = 1 << 20) throws -> CoverStore {
        try CoverStore(in: try StateDirectory(path: scratch.path), witness: TestWitness(), bytesMax: bytesMax)
    }

    private func grant(_ envoy: UInt64, _ sequence: UInt64, body: UInt64 = 1, box: Int = 20) -> CoveredGrant {
        CoveredGrant(
            envoy: envoyID(envoy), sequence: sequence, grant: [UInt8(envoy), UInt8(sequence)],
            body: policyBody(body).digest, box: [UInt8](repeating: 9, count: box))
    }

    @Test("Q1, S8: what was pulled is there after a restart, each partition's for itself")
    func durable() throws {
        let scratch = try Scratch()
        do {
            let store = try open(scratch)
            #expect(try store.keep([grant(1, 5), grant(2, 5)], of: south).isEmpty)
            #expect(try store.keep([grant(1, 8)], of: west).isEmpty)
            #expect(try store.missingBodies(of: south, limit: 10) == [policyBody(1).digest])
            #expect(try store.keep(policyBody(1).bytes, digest: policyBody(1).digest))
            try store.finish(5, of: south, at: noon, removingOlder: true)
        }
        let store = try open(scratch)
        #expect(try store.grant(of: envoyID(1), in: south) == grant(1, 5))
        #expect(try store.grant(of: envoyID(1), in: west) == grant(1, 8))
        #expect(try store.grant(of: envoyID(2), in: west) == nil)
        #expect(try store.mark(of: south) == CoverMark(sequence: 5, at: noon))
        #expect(try store.mark(of: west) == nil)
        #expect(try store.partitions() == [south, west])
        #expect(try store.body(policyBody(1).digest) == policyBody(1).bytes)
        #expect(try store.missingBodies(of: south, limit: 10).isEmpty)
        try store.close()
    }

    @Test("a version that was pulled whole takes the place of earlier ones; bodies that nobody names are swept")
    func newerVersion() throws {
        let store = try open(try Scratch())
        for body in 1...2 as ClosedRange<UInt64> {
            #expect(try store.keep(policyBody(body).bytes, digest: policyBody(body).digest))
        }
        #expect(try store.keep([grant(1, 5, body: 1), grant(2, 5, body: 2)], of: south).isEmpty)
        try store.finish(5, of: south, at: noon, removingOlder: true)
        #expect(try store.sweep() == 0)
        #expect(try store.keep([grant(1, 6, body: 1)], of: south).isEmpty)
        try store.finish(6, of: south, at: noon, removingOlder: true)
        #expect(try store.grant(of: envoyID(2), in: south) == nil)
        #expect(try store.sweep() == 1)
        #expect(try !store.hasBody(policyBody(2).digest) && store.hasBody(policyBody(1).digest))
        try store.remove(south)
        #expect(try store.sweep() == 1)
        let held = try store.held()
        #expect(held == (0, 0, 0))
        #expect(try store.partitions().isEmpty)
    }

    @Test("whose policy is kept is told page by page, each once, by partition and id")
    func envoys() throws {
        let store = try open(try Scratch())
        #expect(try store.envoys(after: nil, limit: 10).isEmpty)
        #expect(try store.keep((1...4).map { grant($0, 5) }, of: south).isEmpty)
        #expect(try store.keep([grant(1, 8), grant(9, 8)], of: west).isEmpty)
        var place: (partition: PartitionName, envoy: PrincipalID)?
        var (found, pages): ([String], [Int]) = ([], [])
        repeat {
            let page = try store.envoys(after: place, limit: 3)
            pages.append(page.count)
            for (partition, envoys) in page { found += envoys.map { "\(partition) \($0)" } }
            place = page.last.flatMap { last in last.envoys.last.map { (last.partition, $0) } }
        } while place != nil
        let (ours, theirs): ([UInt64], [UInt64]) = ([1, 2, 3, 4], [1, 9])
        let all = ours.map { "south \(envoyID($0))" } + theirs.map { "west \(envoyID($0))" }
        #expect(found == all && pages == [1, 2, 0], "\(found), \(pages)")
    }

    @Test("the budget is kept under any keeping and removing, and what is counted is what is there", arguments: 1...8)
    func budget(seed: UInt64) throws {
        let bytesMax: UInt64 = 6000
        let store = try open(try Scratch(inMemory: true), bytesMax: bytesMax)
        var (generator, known): (Seeded, [PrincipalID: CoveredGrant]) = (Seeded(seed), [:])
        var (leftOut, refused) = (0, 0)
        for step in 0..<150 {
            let number = UInt64(generator.below(12))
            switch generator.below(8) {
            case 0:
                try store.remove([envoyID(number)], of: south)
                known[envoyID(number)] = nil
            case 1: try store.sweep(limit: 2)
            case 2:
                let body = policyBody(number, count: 300)
                if try !store.keep(body.bytes, digest: body.digest) { refused += 1 }
            default:
                let next = grant(number, UInt64(step), body: number, box: generator.below(900))
                let out = try store.keep([next], of: south)
                if out.isEmpty { known[next.envoy] = next } else { leftOut += 1 }
            }
            let held = try store.held()
            #expect(held.bytes <= bytesMax, "seed \(seed), step \(step)")
            #expect(held.grants == UInt64(known.count), "seed \(seed), step \(step)")
            for (envoy, grant) in known { #expect(try store.grant(of: envoy, in: south) == grant) }
        }
        let real = try store.database.first(
            "SELECT (SELECT coalesce(sum(length(content) + length(box) + 256), 0) FROM covered) "
                + "+ (SELECT coalesce(sum(length(content) + 128), 0) FROM body)"
        ) { row throws(StoreError) in row.count(0) }
        #expect(try store.held().bytes == real)
        #expect(leftOut > 0 && refused >= 0)
    }

    @Test("a body of another digest, and what is over its limit, is refused with nothing kept")
    func refusals() throws {
        let store = try open(try Scratch())
        let body = policyBody(1)
        #expect(storeError { _ = try store.keep(body.bytes + [1], digest: body.digest) }?.code == .conflict)
        let large = [UInt8](repeating: 1, count: CoverStore.bodyBytesMax + 1)
        #expect(storeError { _ = try store.keep(large, digest: TestWitness().hash(large)) }?.code == .tooLarge)
        var grant = grant(1, 1)
        grant.grant = [UInt8](repeating: 1, count: PolicyLimits.grantBytesMax + 1)
        #expect(storeError { _ = try store.keep([self.grant(2, 1), grant], of: south) }?.code == .tooLarge)
        grant.grant = []
        #expect(storeError { _ = try store.keep([grant], of: south) }?.code == .tooLarge)
        #expect(try store.held() == (0, 0, 0))
    }

    @Test(
        "D4: a copy that rotted is never served",
        arguments: [
            "UPDATE covered SET box = x'00'", "UPDATE covered SET sequence = 9",
            "UPDATE covered SET body = zeroblob(32)", "UPDATE covered SET content = x'00'",
            "UPDATE covered SET partition = 'west'",
        ])
    func rot(change: String) throws {
        let store = try open(try Scratch())
        #expect(try store.keep([grant(1, 5)], of: south).isEmpty)
        try store.database.execute(change)
        let partition = change.contains("west") ? west : south
        #expect(storeError { _ = try store.grant(of: envoyID(1), in: partition) }?.code == .corrupt)
        #expect(storeError { _ = try store.held() }?.code == .poisoned)
    }

    @Test("D4: a body that rotted is never served")
    func bodyRot() throws {
        let store = try open(try Scratch())
        #expect(try store.keep(policyBody(1).bytes, digest: policyBody(1).digest))
        try store.database.execute("UPDATE body SET content = zeroblob(9)")
        #expect(storeError { _ = try store.body(policyBody(1).digest) }?.code == .corrupt)
    }

    @Test("copies from before leaves had terms are let go of, and all is pulled again")
    func copiesWithoutTerms() throws {
        let scratch = try Scratch()
        do {
            let store = try open(scratch)
            #expect(try store.keep([grant(1, 5)], of: south).isEmpty)
            #expect(try store.keep(policyBody(1).bytes, digest: policyBody(1).digest))
            try store.finish(5, of: south, at: noon, removingOlder: true)
            // As a build with the first step only left it.
            try store.database.execute("PRAGMA user_version = 1")
            try store.close()
        }
        let store = try open(scratch)
        #expect(try store.database.setting("user_version") == Int64(CoverStore.kind.migrations.count))
        #expect(try store.mark(of: south) == nil && store.grant(of: envoyID(1), in: south) == nil)
        let held = try store.held()
        #expect(held.grants == 0 && held.bodies == 0 && held.bytes == 0)
        #expect(try store.keep([grant(1, 5)], of: south).isEmpty && store.held().grants == 1)
        try store.close()
    }
}
