internal import CRDT

/// The latest records of a primary, in memory: standbys that keep up cost no reads.
struct PartitionWindow: Sendable {
    /// The point before the first record that is kept.
    private(set) var base: LogPoint
    private var records: [JournalRecord] = []
    private var points: [LogPoint] = []
    private var bytes = 0

    /// Bytes above which the oldest half goes.
    static let bytesMax = PartitionLimits.unacknowledgedBytesMax

    init(after base: LogPoint) { self.base = base }

    mutating func append(_ record: JournalRecord, _ point: LogPoint) {
        records.append(record)
        points.append(point)
        bytes += record.contentBytes
        guard bytes > PartitionWindow.bytesMax else { return }
        var dropped = 0
        while bytes > PartitionWindow.bytesMax / 2, dropped < records.count - 1 {
            bytes -= records[dropped].contentBytes
            dropped += 1
        }
        base = points[dropped - 1]
        records.removeFirst(dropped)
        points.removeFirst(dropped)
    }

    /// Forgets everything after a position that never became durable.
    mutating func cut(to position: UInt64) {
        while let last = points.last, last.position > position {
            bytes -= records.removeLast().contentBytes
            points.removeLast()
        }
    }

    /// The point at a position, where it is kept.
    func point(at position: UInt64) -> LogPoint? {
        if position == base.position { return base }
        guard position > base.position, position - base.position <= UInt64(points.count) else { return nil }
        return points[Int(position - base.position) - 1]
    }

    /// Records after a position, within the limits of one message, and the point after the last; nil where the
    /// position is older than what is kept.
    func run(after position: UInt64) -> (records: [JournalRecord], tip: LogPoint, bytes: Int)? {
        guard position >= base.position, position - base.position < UInt64(records.count) else { return nil }
        let start = Int(position - base.position)
        var (end, size) = (start, 0)
        while end < records.count, end - start < PartitionLimits.appendRecordsMax,
            size < PartitionLimits.appendBytesMax
        {
            size += records[end].contentBytes
            end += 1
        }
        return (Array(records[start..<end]), points[end - 1], size)
    }
}
