#if FAULT_POINTS
internal import Glibc
internal import Spanner
internal import Synchronization

/// Places at which this process kills itself, as a power cut would, when somebody asks for it: for `script/chaos`, in a
/// build of its own. Programs that are shipped are built without it.
///
/// The environment names a file; while it is there and says `POINT COUNT`, the process ends when it has come to that
/// point so often since. The file is removed first, so that the next start lives.
enum FaultPoint {
    private static let variable = "CHAOS_FAULT_FILE"
    private static let contentBytesMax = 128
    private static let file: String? = getenv(variable).map { String(cString: $0) }
    /// What is asked for, and how often the process came there since it was.
    private static let passed = Mutex<(order: String, times: Int)>(("", 0))

    /// Before a transaction of a partition's database.
    static func reach(before write: PartitionWrite) { reach("partition.persist.before") }

    /// After it is durable, before anybody is told.
    static func reach(after write: PartitionWrite) {
        reach("partition.persist.after")
        if write.promise != nil { reach("partition.promise.after") }
        if write.cut != nil { reach("partition.cut.after") }
        for record in write.records {
            switch record.content {
            case .control(.begin): reach("partition.begin.after")
            case .control(.configuration): reach("partition.configuration.after")
            case .control(.handover): reach("handover.after")
            case .control(.handoverCancelled), .commands: continue
            }
        }
    }

    private static func reach(_ point: String) {
        guard let file, let order = read(file) else { return }
        let words = order.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == point, let count = Int(words[1]) else { return }
        let times = passed.withLock { passed in
            passed = passed.order == order ? (order, passed.times + 1) : (order, 1)
            return passed.times
        }
        guard times >= count else { return }
        unlink(file)
        kill(getpid(), SIGKILL)
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: contentBytesMax)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
#endif
