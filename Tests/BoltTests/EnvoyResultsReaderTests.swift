import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import Testing

@testable import Bolt

/// P5: what an envoy told is shown once, in order, with every place that holds nothing.
@Suite struct EnvoyResultsReaderTests {
    private let envoy = PrincipalID(high: 0, low: 7)

    private func queue(_ byte: UInt8) throws -> QueueID {
        try #require(QueueID(bytes: [UInt8](repeating: byte, count: 16)))
    }

    private func named(_ queue: QueueID) throws -> QueueIncarnation {
        try #require(QueueIncarnation(bytes: queue.bytes))
    }

    private func results(_ range: ClosedRange<UInt64>, _ body: String = "{\"n\":1}") -> [SequencedResult] {
        range.map { SequencedResult(sequence: $0, body: Array(body.utf8)) }
    }

    private func withStore(_ body: (ResultStore) throws -> Void) throws {
        let root = NSTemporaryDirectory() + "bolt-results-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let store = try BoltStore(path: root + "/bolt.db")
        let (old, new) = (try queue(1), try queue(2))
        let at = WallTime(milliseconds: 1000)
        try store.results.append(results(1...2), queue: old, envoy: envoy, received: at)
        try store.results.recordBase(queue: old, envoy: envoy, through: 5, reason: "taken over", at: at)
        try store.results.append(results(6...7), queue: old, envoy: envoy, received: at)
        // One of the hole comes after all.
        try store.results.append(results(4...4), queue: old, envoy: envoy, received: at)
        try store.results.append(results(1...1, "not JSON"), queue: new, envoy: envoy, received: at)
        try store.results.append(
            [SequencedResult(sequence: 2, body: OverflowMarker.body(dropped: 17))], queue: new, envoy: envoy,
            received: at)
        try body(store.results)
    }

    private static func text(_ views: [EnvoyResultView]) -> [String] {
        views.map { "\($0.queue.bytes[0]) \($0.kind.rawValue) \($0.sequence)-\($0.through)" }
    }

    private static let all = [
        "1 result 1-1", "1 result 2-2", "1 hole 3-3", "1 result 4-4", "1 hole 5-5", "1 result 6-6", "1 result 7-7",
        "2 result 1-1", "2 dropped 2-2",
    ]

    @Test("P5: a takeover's hole is a line between the results, with its reason and its age")
    func holes() throws {
        try withStore { store in
            let reader = EnvoyResultsReader(store: store, envoy: envoy, raw: false)
            let page = try reader.page(after: nil, only: nil, limit: 100)
            #expect(Self.text(page.results) == Self.all && page.nextAfter == nil)
            #expect(page.results[2].reason == "taken over" && page.results[2].at == WallTime(milliseconds: 1000))
            #expect(page.queues.map(\.storedThrough) == [7, 2] && page.queues.map(\.holes) == [2, 0])
            #expect(page.queues.map(\.results) == [5, 2] && page.queues.map(\.isCurrent) == [false, true])
            #expect(page.results[0].record == .object(["n": .integer(1)]) && page.results[0].body == nil)
            #expect(page.results[7].record == nil && page.results[7].body?.bytes == Array("not JSON".utf8))
            #expect(page.results[8].count == 17)
            let raw = try EnvoyResultsReader(store: store, envoy: envoy, raw: true)
                .page(after: nil, only: nil, limit: 1)
            #expect(raw.results[0].record == nil && raw.results[0].body?.bytes == Array("{\"n\":1}".utf8))
        }
    }

    @Test("P5: pages of any size follow one another without a gap or a repeat", arguments: 1...10)
    func pages(limit: Int) throws {
        try withStore { store in
            let reader = EnvoyResultsReader(store: store, envoy: envoy, raw: false)
            var (seen, after) = ([EnvoyResultView](), ResultCursor?.none)
            repeat {
                let page = try reader.page(after: after, only: nil, limit: limit)
                #expect(page.results.count <= limit)
                seen += page.results
                after = page.nextAfter
            } while after != nil && seen.count < 100
            #expect(Self.text(seen) == Self.all)
        }
    }

    @Test("one queue alone is read; one that is not this envoy's is refused, and another envoy told nothing")
    func queues() throws {
        try withStore { store in
            let reader = EnvoyResultsReader(store: store, envoy: envoy, raw: false)
            let page = try reader.page(after: nil, only: try named(queue(2)), limit: 100)
            #expect(Self.text(page.results) == ["2 result 1-1", "2 dropped 2-2"] && page.queues.count == 2)
            let late = ResultCursor(queue: try named(queue(1)), sequence: 99)
            #expect(Self.text(try reader.page(after: late, only: nil, limit: 9).results).first == "2 result 1-1")
            let stranger = ResultCursor(queue: try named(queue(9)), sequence: 0)
            #expect(throws: Problem.self) { try reader.page(after: stranger, only: nil, limit: 9) }
            let other = EnvoyResultsReader(store: store, envoy: PrincipalID(high: 0, low: 8), raw: false)
            let nothing = try other.page(after: nil, only: nil, limit: 9)
            #expect(nothing.results == [] && nothing.queues == [])
        }
    }
}
