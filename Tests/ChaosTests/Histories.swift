import ChaosKit

/// Small histories that are clean, for tests that break one thing of them.
enum Histories {
    static let body: [UInt64] = [11, 12, 13, 14]

    /// One answered call after another, a microsecond apart.
    static func call(
        _ number: UInt64, stored: UInt64, released: UInt64, paired: Bool = true, epoch: UInt64 = 1,
        bolt: String = "a.north", sent: ClosedRange<UInt64>? = 1...4
    ) -> ClientCall {
        ClientCall(
            bolt: bolt, begin: number * 1000, end: number * 1000 + 500, sent: sent,
            outcome: .answered(
                Answer(
                    storedThrough: stored, releaseThrough: released, isPaired: paired,
                    mark: Mark(register: 1, epoch: epoch), partition: "north")))
    }

    static func place(
        _ position: UInt64, epoch: UInt64 = 1, minter: String = "a", renewal: UInt64 = 0, hash: String = "h"
    ) -> LogPlace {
        LogPlace(number: epoch, minter: minter, renewal: renewal, position: position, hash: "\(hash)\(position)")
    }

    static func queue(through: UInt64 = 4) -> QueueEnd {
        QueueEnd(
            envoy: "e", queue: "q", storedThrough: through,
            rows: (0..<Int(through)).map { QueueEnd.Row(UInt64($0) + 1, body[$0]) })
    }

    static func member(_ bolt: String, safe: UInt64 = 9, tip: UInt64 = 9) -> MemberEnd {
        MemberEnd(bolt: bolt, safe: safe, tip: place(tip), begins: [place(1)], queues: [queue()])
    }

    /// A writer that sent four results, was told once that they are paired, and deleted them.
    static var writer: WriterHistory {
        WriterHistory(
            name: "w", envoy: "e", queue: "q", bodies: body, calls: [call(1, stored: 4, released: 4)],
            releasedThrough: 4)
    }

    /// That writer, and two disks that hold all of it.
    static var clean: MeshHistory {
        MeshHistory(
            writers: [writer],
            partitions: [
                PartitionEnd(name: "north", primary: "a.north", members: [member("a.north"), member("b.north")])
            ])
    }

    /// What breaking it gives.
    static func kinds(_ change: (inout MeshHistory) -> Void) -> Set<Violation.Kind> {
        var history = clean
        change(&history)
        return Set(HistoryChecker.check(history).map(\.kind))
    }
}
