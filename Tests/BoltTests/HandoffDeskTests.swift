import CRDT
import Spanner
import SpannerTestKit
import SpannerWire
import Synchronization
import Testing

@testable import Bolt

/// What a partition's service keeps of slices.
struct HandoffDeskTests {
    private final class Line: SliceLine {
        private let given = Mutex(0)

        var queuedBytes: Int { 0 }
        var givenBack: Int { given.withLock { $0 } }
        func send(_ message: PeerMessage) -> Bool { true }
        func processed(bytes: Int) { given.withLock { $0 += bytes } }
    }

    @Test("What was read of a line is given back behind the work that it made, and though a reign ends between")
    func givenBack() {
        let line = Line()
        var desk = HandoffDesk()
        desk.inbox = [.reign, .dealt(line, bytes: 7), .safe(3)]
        desk.end()
        #expect(desk.inbox.count == 1 && line.givenBack == 0)
        for case .dealt(let other, let bytes) in desk.inbox { other.processed(bytes: bytes) }
        #expect(line.givenBack == 7)
    }

    @Test("Of several who drive handoffs from here the least limits count, and of those only who drive one")
    func limits() {
        let (east, west) = (PartitionName(checked: "east"), PartitionName(checked: "west"))
        var desk = HandoffDesk()
        desk.driverLimits[east] = HandoffBudget.Limits(slices: 3, bytesPerSecond: 100)
        desk.driverLimits[west] = HandoffBudget.Limits(slices: 5, bytesPerSecond: 50, addedMilliseconds: 9)
        #expect(desk.limits(with: nil) == HandoffBudget.Limits())
        #expect(desk.limits(with: east) == HandoffBudget.Limits(slices: 3, bytesPerSecond: 100))
        desk.drivers[HandoffID(.zero)] = west
        let both = HandoffBudget.Limits(slices: 3, bytesPerSecond: 50, addedMilliseconds: 9)
        #expect(desk.limits(with: east) == both)
    }
}
