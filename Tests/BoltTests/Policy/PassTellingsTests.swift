import Spanner
import Synchronization
import Testing

@testable import Bolt

/// What envoys tell of their passes reaches whoever counts it in the order in which it came.
@Suite(.timeLimit(.minutes(1))) struct PassTellingsTests {
    /// What was heard, by the place of each pass, and whose telling came back.
    private enum Event: Hashable {
        case heard(UInt64)
        case returned(UInt64)
    }

    private let envoy = PolicyBed.envoy(1)

    /// Each telling had a task of its own: an earlier failure could be counted after the success that followed it.
    @Test("What an envoy tells later is heard later, however long each takes")
    func order() async {
        let (heard, tell) = AsyncStream<UInt64>.makeStream()
        let tellings = PassTellings()
        let places = 1...200 as ClosedRange<UInt64>
        for place in places {
            await tellings.tell(envoy, [PolicyBed.pass(place, of: 1)]) { _, passes in
                for _ in 0..<(passes[0].place % 7) { await Task.yield() }
                tell.yield(passes[0].place)
            }
        }
        var all: [UInt64] = []
        for await place in heard {
            all.append(place)
            if all.count == places.count { break }
        }
        #expect(all == Array(places))
        #expect(tellings.count == 0)
    }

    @Test("Where it is full, who tells more waits until that was heard; nothing is let go of")
    func full() async {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (gate, opening) = AsyncStream<Void>.makeStream()
        let events = Mutex<[Event]>([])
        let tellings = PassTellings(countMax: 2)
        let listener: PassTellings.Listener = { _, passes in
            begin.yield()
            for await _ in gate {}
            events.withLock { $0.append(.heard(passes[0].place)) }
        }
        await tellings.tell(envoy, [PolicyBed.pass(1, of: 1)], to: listener)
        var beginnings = begun.makeAsyncIterator()
        _ = await beginnings.next()
        // One is being heard; for two there is room.
        for place: UInt64 in 2...3 { await tellings.tell(envoy, [PolicyBed.pass(place, of: 1)], to: listener) }
        let last = Task { [envoy] in
            await tellings.tell(envoy, [PolicyBed.pass(4, of: 1)], to: listener)
            return events.withLock { events in
                events.append(.returned(4))
                return events
            }
        }
        while tellings.count < 3 { await Task.yield() }
        opening.finish()
        #expect(await last.value == [.heard(1), .heard(2), .heard(3), .heard(4), .returned(4)])
    }
}
