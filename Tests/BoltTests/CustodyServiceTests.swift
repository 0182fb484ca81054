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

        func service(bytesMax: UInt64 = 1 << 20) throws -> CustodyService {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let store = try CustodyStore(in: StateDirectory(path: root), bytesMax: bytesMax)
            return CustodyService(store, logger: logger)
        }
    }

    /// What came to the owner, and what it answers.
    private final class Owner: Sendable {
        private let state = Mutex<(isAway: Bool, taken: [PrincipalID: [UInt8]])>((true, [:]))

        func comeBack() { state.withLock { $0.isAway = false } }
        var taken: [PrincipalID: [UInt8]] { state.withLock { $0.taken } }

        func deliver(_ entry: CustodyEntry) -> CustodyService.Delivery {
            state.withLock { state in
                guard !state.isAway else { return .later }
                guard entry.request.first != 99 else { return .never("nobody") }
                state.taken[entry.envoy, default: []] += entry.request
                return .taken
            }
        }
    }

    private func deposit(_ envoy: UInt64, _ number: UInt8, bytes: Int = 1) -> CustodyDeposit {
        let id = PrincipalID(high: 1, low: envoy)
        return CustodyDeposit(
            envoy: id, queue: QueueID(id), through: UInt64(number), at: WallTime(milliseconds: UInt64.max / 4),
            request: [UInt8](repeating: number, count: bytes))
    }

    private func wait(
        _ what: String, _ condition: () async -> Bool, location: SourceLocation = #_sourceLocation
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while await !condition() {
            try #require(ContinuousClock.now < deadline, "not in time: \(what)", sourceLocation: location)
            await Task.yield()
        }
    }

    @Test(
        "P5: what many envoys bring at once is kept, and each one's comes to its owner in order",
        .timeLimit(.minutes(1)))
    func inOrder() async throws {
        let place = Place()
        let service = try place.service()
        for number in 1...5 as ClosedRange<UInt8> {
            await withTaskGroup(of: Void.self) { group in
                for envoy in 1...20 as ClosedRange<UInt64> {
                    group.addTask {
                        let kept = await service.keep(deposit(envoy, number))
                        #expect((try? kept.get()) == UInt64(number))
                    }
                }
            }
        }
        let owner = Owner()
        let running = Task { await service.run { owner.deliver($0) } }
        #expect(await service.held().entries == 100)
        owner.comeBack()
        try await wait("all is delivered") { await service.held().entries == 0 }
        #expect(owner.taken.count == 20)
        #expect(owner.taken.values.allSatisfy { $0 == [1, 2, 3, 4, 5] })
        await service.close()
        await running.value
    }

    @Test(
        "A full budget refuses whom it must and nobody else; what nobody will ever take goes",
        .timeLimit(.minutes(1)))
    func refused() async throws {
        let place = Place()
        let service = try place.service(bytesMax: 1000)
        async let large = service.keep(deposit(1, 1, bytes: 5000))
        async let small = service.keep(deposit(2, 2))
        let (one, other) = await (large, small)
        #expect((try? one.get()) == nil && (try? other.get()) == 2)
        #expect((try? await service.keep(deposit(3, 99)).get()) == 99)
        let owner = Owner()
        owner.comeBack()
        let running = Task { await service.run { owner.deliver($0) } }
        try await wait("nothing is left") { await service.held().entries == 0 }
        #expect(owner.taken.count == 1)
        await service.close()
        await running.value
        #expect((try? await service.keep(deposit(4, 4)).get()) == nil, "it is over")
    }
}
