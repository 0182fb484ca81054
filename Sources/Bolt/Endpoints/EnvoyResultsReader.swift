internal import BoltAPI
internal import Foundation
internal import Spanner
internal import SpannerStore

/// Reads what an envoy has told from its owner's store: results in order, and between them what is not there and why.
struct EnvoyResultsReader {
    /// A page of them.
    struct Page: Sendable {
        var queues: [ResultQueueView] = []
        var results: [EnvoyResultView] = []
        var nextAfter: ResultCursor?
    }

    /// Bytes of results after which a page ends.
    static let pageBytesMax = 4 * 1024 * 1024
    /// Results that are read at a time.
    static let chunkMax = 64

    let store: ResultStore
    let envoy: PrincipalID
    /// Whether bodies are given as they came, even where they are JSON.
    let raw: Bool

    /// Places after `after`, from the first where it is nil; of one queue alone where `only` names it. A queue that is
    /// not this envoy's is a `bad_request`.
    func page(after: ResultCursor?, only: QueueIncarnation?, limit: Int) throws -> Page {
        let queues = try store.queues(of: envoy)
        var page = Page()
        page.queues = queues.compactMap { queue in
            QueueIncarnation(bytes: queue.queue.bytes).map {
                ResultQueueView(
                    queue: $0, storedThrough: queue.storedThrough,
                    results: queue.storedThrough - min(queue.storedThrough, queue.holes), holes: queue.holes,
                    isCurrent: queue.queue == queues.last?.queue)
            }
        }
        for named in [after?.queue, only].compactMap({ $0 }) where !page.queues.contains(where: { $0.queue == named }) {
            throw Problem(.badRequest, "queue \(named) is none of this envoy's", next: "list from the start")
        }
        let start = after.flatMap { after in queues.firstIndex { $0.queue.bytes == after.queue.bytes } } ?? 0
        var bytes = 0
        for queue in queues[start...] where only.map({ $0.bytes == queue.queue.bytes }) ?? true {
            let place = queue.queue.bytes == after?.queue.bytes ? after?.sequence ?? 0 : 0
            try read(queue, after: place, limit, &page, &bytes)
            guard page.nextAfter == nil else { return page }
        }
        return page
    }

    /// Appends the rest of a queue, or as much of it as the page has room for; then `nextAfter` is set.
    private func read(
        _ queue: StoredQueue, after start: UInt64, _ limit: Int, _ page: inout Page, _ bytes: inout Int
    ) throws {
        var place = start
        while place < queue.storedThrough {
            guard page.results.count < limit, bytes < Self.pageBytesMax else {
                page.nextAfter = page.results.last?.cursor
                return
            }
            let room = min(limit - page.results.count, Self.chunkMax)
            let found = try store.results(of: envoy, after: (queue.queue, place), limit: room)
                .prefix { $0.queue == queue.queue }
            var views: [EnvoyResultView] = []
            for result in found {
                views += try gaps(queue, from: place + 1, before: result.sequence)
                views.append(try view(of: result))
                bytes += result.body.count
                place = result.sequence
            }
            if found.isEmpty {
                views += try gaps(queue, from: place + 1, before: queue.storedThrough + 1)
            }
            page.results += views.prefix(limit - page.results.count)
            place = page.results.last?.through ?? queue.storedThrough
        }
    }

    /// The runs of places from one on and before another, which hold nothing.
    private func gaps(
        _ stored: StoredQueue, from first: UInt64, before end: UInt64
    ) throws -> [EnvoyResultView] {
        let (queue, bases) = (try incarnation(stored.queue), stored.bases)
        var (views, place) = ([EnvoyResultView](), first)
        while place < end {
            let over = bases.filter { $0.range.contains(place) }.max { $0.range.upperBound < $1.range.upperBound }
            let next = bases.map(\.range.lowerBound).filter { $0 > place }.min() ?? end
            let last = min(end, over.map { $0.range.upperBound + 1 } ?? next) - 1
            views.append(
                EnvoyResultView(
                    kind: over == nil ? .missing : .hole, queue: queue, sequence: place, through: last, at: over?.at,
                    reason: over?.reason))
            place = last + 1
        }
        return views
    }

    private func view(of result: StoredResult) throws -> EnvoyResultView {
        let dropped = OverflowMarker.dropped(in: result.body)
        let record = raw ? nil : Self.json(result.body)
        return EnvoyResultView(
            kind: dropped == nil ? .result : .dropped, queue: try incarnation(result.queue),
            sequence: result.sequence, through: result.sequence, at: result.received, record: record,
            body: record == nil ? Base64Bytes(result.body) : nil, count: dropped)
    }

    /// What a body says, where it is JSON that a document may hold.
    private static func json(_ body: [UInt8]) -> JSONValue? {
        let data = Data(body)
        guard JSONBounds.holds(data) else { return nil }
        return try? APIJSON.decode(JSONValue.self, from: data)
    }

    private func incarnation(_ queue: QueueID) throws -> QueueIncarnation {
        guard let named = QueueIncarnation(bytes: queue.bytes) else {
            throw Problem(.internalError, "queue \(queue) has no name")
        }
        return named
    }
}
