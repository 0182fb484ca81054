import Foundation
import Logging
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Bolt

/// Check-ins that are kept for partitions that are away, and how they are delivered.
struct CustodyServiceTests {
    private final class Place {
        let root = NSTemporaryDirectory() + "bolt-custody-\(UUID().uuidString.prefix(8))"
        deinit { try? FileManager.default.removeItem(atPath: root) }

        func service(
            bytesMax: UInt64 = 1 << 20, checkpointPages: Int32 = StoreLimits.checkpointPages
        ) throws -> CustodyService {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let store = try CustodyStore(
                in: StateDirectory(path: root), bytesMax: bytesMax, checkpointPages: checkpointPages)
            return CustodyService(store, logger: logger)
        }

        /// Bytes of the write-ahead log: it is written from its beginning again once it was copied back.
        var logBytes: Int {
            let attributes = try? FileManager.default.attributesOfItem(atPath: root + "/custody.db-wal")
            return (attributes?[.size] as? NSNumber)?.intValue ?? 0
        }
    }

    /// An owner: what it stored, how much of that is safe, and what it was asked.
    private final class Owner: Sendable {
        struct State {
            var isAway = true
            var refuses: String?
            var isOver = false
            /// Whether what is stored is safe at once.
            var isPaired = true
            var stored: [PrincipalID: [UInt8]] = [:]
            var safe: [PrincipalID: Int] = [:]
            var asked = 0
            var brought = 0
        }

        private let state = Mutex(State())

        func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
        func look<Value: Sendable>(_ body: (State) -> Value) -> Value { state.withLock { body($0) } }
        var stored: [PrincipalID: [UInt8]] { look { $0.stored } }

        /// As a partition answers: each result once and in order, nothing beyond a gap.
        func deliver(_ batch: CustodyBatch) -> CustodyService.Delivery {
            state.withLock { state in
                guard !state.isAway else { return .away }
                guard !state.isOver else { return .never("banned") }
                state.asked += 1
                if let why = state.refuses { return .refused(why) }
                var held = state.stored[batch.envoy] ?? []
                for result in batch.results {
                    guard result.sequence <= UInt64(held.count) + 1 else { return .refused("a gap") }
                    if result.sequence == UInt64(held.count) + 1 { held += result.body }
                }
                if !batch.results.isEmpty { state.brought += 1 }
                state.stored[batch.envoy] = held
                if state.isPaired { state.safe[batch.envoy] = held.count }
                return .stored(through: UInt64(held.count), release: UInt64(state.safe[batch.envoy] ?? 0))
            }
        }
    }

    private func deposit(
        _ envoy: UInt64, _ sequences: ClosedRange<UInt8>?, at: UInt64 = UInt64.max / 4, fill: UInt8? = nil
    ) -> CustodyDeposit {
        let id = PrincipalID(high: 1, low: envoy)
        let results = (sequences.map { Array($0) } ?? []).map { number in
            SequencedResult(sequence: UInt64(number), body: [fill ?? number])
        }
        return CustodyDeposit(
            envoy: id, queue: QueueID(id), firstHeld: 1, results: results, proof: [1],
            at: WallTime(milliseconds: at))
    }

    @Test(
        "P5: what many envoys bring at once is kept, and each one's comes to its owner once and in order",
        .timeLimit(.minutes(1)))
    func inOrder() async throws {
        let place = Place()
        let service = try place.service()
        for number in 1...5 as ClosedRange<UInt8> {
            await withTaskGroup(of: Void.self) { group in
                for envoy in 1...20 as ClosedRange<UInt64> {
                    group.addTask {
                        // Nothing was released: it brings all that it holds each time, and once more for a lost answer.
                        for _ in 0..<2 {
                            let kept = await service.keep(deposit(envoy, 1...number))
                            #expect((try? kept.get()) == UInt64(number))
                        }
                    }
                }
            }
        }
        let owner = Owner()
        let running = Task { await service.run { owner.deliver($0) } }
        #expect(await service.held().entries == 100)
        owner.change { $0.isAway = false }
        try await wait("all is delivered") { await service.held().entries == 0 }
        #expect(owner.stored.count == 20)
        #expect(owner.stored.values.allSatisfy { $0 == [1, 2, 3, 4, 5] })
        await service.close()
        await running.value
    }

    @Test(
        "The log is copied back while everything is delivered, not only while something comes", .timeLimit(.minutes(1)))
    func log() async throws {
        let place = Place()
        let service = try place.service(checkpointPages: 8)
        for envoy in 1...120 as ClosedRange<UInt64> { _ = await service.keep(deposit(envoy, 1...5)) }
        let owner = Owner()
        owner.change { $0.isAway = false }
        let running = Task { await service.run { owner.deliver($0) } }
        try await wait("all is delivered") { await service.held().entries == 0 }
        let bytes = place.logBytes
        // A transaction for each envoy without a copy would be some 400 pages and more.
        #expect(bytes > 0 && bytes < 64 * 4096, "\(bytes)")
        await service.close()
        await running.value
    }

    @Test("Check-ins that bring nothing, and repeats, take no room from those that do", .timeLimit(.minutes(1)))
    func budget() async throws {
        let place = Place()
        let service = try place.service(bytesMax: 1000)
        for envoy in 1...200 as ClosedRange<UInt64> {
            #expect((try? await service.keep(deposit(envoy, nil)).get()) == 0)
        }
        for _ in 0..<100 { #expect((try? await service.keep(deposit(1, 1...3)).get()) == 3) }
        #expect((try? await service.keep(deposit(2, 1...1)).get()) == 1)
        async let many = service.keep(deposit(3, 1...9))
        async let few = service.keep(deposit(4, 1...1, fill: 9))
        let (one, other) = await (many, few)
        #expect((try? one.get()) == nil && (try? other.get()) == nil, "the budget is used up by what is there")
        let conflict = await service.keep(deposit(1, 3...3, fill: 9))
        #expect(throws: StoreError(.conflict, what: "", why: "", next: "")) { try conflict.get() }
        await service.close()
        #expect((try? await service.keep(deposit(4, nil)).get()) == nil, "it is over")
    }

    @Test(
        "P6: what an owner has on one disk is kept until it is safe, and brought again where that disk was lost",
        .timeLimit(.minutes(1)))
    func untilSafe() async throws {
        let place = Place()
        let service = try place.service()
        let envoy = PrincipalID(high: 1, low: 1)
        #expect((try? await service.keep(deposit(1, 1...3)).get()) == 3)
        let owner = Owner()
        owner.change { ($0.isAway, $0.isPaired) = (false, false) }
        let running = Task { await service.run { owner.deliver($0) } }
        try await wait("it was brought and asked about") { owner.look { $0.asked >= 2 } }
        #expect(owner.stored[envoy] == [1, 2, 3])
        #expect(owner.look { $0.brought } == 1, "asking brings nothing again")
        #expect(await service.held().entries == 3, "stored is not safe")
        owner.change { $0.stored = [:] }
        try await wait("it was brought again") { owner.look { $0.brought >= 2 } }
        owner.change { $0.safe[envoy] = 2 }
        try await wait("what is safe is let go") { await service.held().entries == 1 }
        owner.change { $0.isPaired = true }
        try await wait("and the rest") { await service.held().entries == 0 }
        #expect(owner.stored[envoy] == [1, 2, 3])
        await service.close()
        await running.value
    }

    @Test(
        "No refusal lets anything go: a certificate that is over, a roster that is behind, something missing before it",
        .timeLimit(.minutes(1)))
    func refusals() async throws {
        let place = Place()
        let service = try place.service()
        _ = await service.keep(deposit(1, 2...3))
        let owner = Owner()
        owner.change { ($0.isAway, $0.refuses) = (false, "the certificate is over [not_authenticated]") }
        let running = Task { await service.run { owner.deliver($0) } }
        try await wait("it was refused") { owner.look { $0.asked >= 1 } }
        #expect(await service.held().entries == 2)
        // The owner lacks the first, which the envoy brings itself later.
        owner.change { $0.refuses = nil }
        try await wait("there is a gap") { owner.look { $0.asked >= 2 } }
        #expect(await service.held().entries == 2)
        owner.change { $0.stored[PrincipalID(high: 1, low: 1)] = [1] }
        try await wait("it is taken") { await service.held().entries == 0 }
        #expect(owner.stored.values.first == [1, 2, 3])
        await service.close()
        await running.value
    }

    @Test(
        "What nobody will take by the own roster goes, and what is a week old; nothing else does",
        .timeLimit(.minutes(1)))
    func letGo() async throws {
        let place = Place()
        let service = try place.service()
        _ = await service.keep(deposit(1, 1...2, at: 1000))
        _ = await service.keep(deposit(2, 1...2))
        let owner = Owner()
        let running = Task { await service.run { owner.deliver($0) } }
        try await wait("what is old is gone") { await service.held().entries == 2 }
        owner.change { ($0.isAway, $0.isOver) = (false, true) }
        try await wait("so is what is of nobody") { await service.held().entries == 0 }
        #expect(owner.stored.isEmpty && owner.look { $0.asked } == 0)
        await service.close()
        await running.value
    }
}
