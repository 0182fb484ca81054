import CRDT
import Foundation
import Testing

@Suite("Exhaustive exploration of the observed-remove set")
struct ExplorationTests {
    /// Six is the full size; `BOLT_EXPLORE_EVENTS` sets it for the long run. The smoke run takes one less.
    static let eventsMax = ProcessInfo.processInfo.environment["BOLT_EXPLORE_EVENTS"].flatMap { Int($0) } ?? 4

    @Test("R3: 3 replicas, 2 keys: every history and every order of delivery equals the model")
    func everyHistory() throws {
        var explorer = Explorer<ShippedSet>(replicas: 3, keys: 2, eventsMax: Self.eventsMax)
        try explorer.run()
        #expect(explorer.violations == [])
        print("explored \(explorer.histories) histories, \(explorer.deliveries) deliveries")
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
