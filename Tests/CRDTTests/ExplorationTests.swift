import CRDT
import Foundation
import Testing

@Suite("Exhaustive exploration of the observed-remove set")
struct ExplorationTests {
    /// Six is the full size, about a million deliveries: minutes without the optimiser, so `script/verify` asks for it
    /// by `BOLT_EXPLORE_EVENTS`.
    static let eventsMax = ProcessInfo.processInfo.environment["BOLT_EXPLORE_EVENTS"].flatMap { Int($0) } ?? 5

    @Test("R3: 3 replicas, 2 keys: every history and every order of delivery equals the model")
    func everyHistory() throws {
        var explorer = Explorer<ShippedSet>(replicas: 3, keys: 2, eventsMax: Self.eventsMax)
        try explorer.run()
        #expect(explorer.violations == [])
        if Self.eventsMax == 6 { #expect(explorer.histories == 15_984 && explorer.deliveries == 1_184_442) }
    }

    @Test("the exploration finds each known mistake")
    func mistakes() throws {
        func violations<Subject: SetUnderTest>(_ subject: Subject.Type) throws -> [String] {
            var explorer = Explorer<Subject>(replicas: 3, keys: 2, eventsMax: 4)
            try explorer.run()
            return explorer.violations
        }
        #expect(try !violations(WholeVectorRemoval.self).isEmpty)
        #expect(try violations(RemovalWithoutDot.self).contains { $0.hasPrefix("equal contexts") })
        #expect(try !violations(DroppedDeferredRemoval.self).isEmpty)
        #expect(try !violations(UnionOfRows.self).isEmpty)
    }
}
