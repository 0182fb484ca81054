import BoltAPI
import Synchronization
import Testing

@testable import Bolt

/// Whoever may only read can have stacks judged without end.
struct StackGatesTests {
    private final class Readers: Sendable {
        let inside = Atomic(0)
        let isOver = Atomic(false)
    }

    @Test(
        "A rollback is let through where readers took every place and every turn to wait", .timeLimit(.minutes(1)),
        arguments: [1, 2, 8])
    func rollback(cores: Int) async throws {
        let (gates, readers) = (StackGates(cores: cores), Readers())
        let places = max(1, min(PolicyServiceLimits.judgingMax, cores - 1))
        let kinds: [Endpoint] = [.validateStack, .stackPreview, .stackDiff]
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { readers.isOver.store(true, ordering: .sequentiallyConsistent) }
            for number in 0..<places + PolicyServiceLimits.judgingWaitingMax {
                group.addTask {
                    try await gates.pass(kinds[number % kinds.count]) {
                        readers.inside.add(1, ordering: .sequentiallyConsistent)
                        while !readers.isOver.load(ordering: .sequentiallyConsistent) { await Task.yield() }
                    }
                }
            }
            try await wait("no place is left") { readers.inside.load(ordering: .sequentiallyConsistent) == places }
            for endpoint in [Endpoint.rollbackStack, .publishStack] {
                #expect(try await gates.pass(endpoint) { 5 } == 5)
            }
            #expect(readers.inside.load(ordering: .sequentiallyConsistent) == places, "they hold their places still")
            readers.isOver.store(true, ordering: .sequentiallyConsistent)
            try await group.waitForAll()
        }
    }
}
