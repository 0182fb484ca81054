internal import Spanner
internal import SpannerStore

/// A piece of the journal that the machine asked for, for a standby or a candidate.
struct JournalRead: Sendable {
    let load: LoadID
    let from: UInt64
    let bytesMax: Int
}

extension PartitionService {
    /// A standby that comes back empty lacks the whole journal. Read in one go it would hold everybody else up for as
    /// long as that takes: so a piece at a time is read, between flushes, and with pauses while others wait.
    func readLater(_ read: JournalRead) {
        reads.append(read)
        scheduleRead()
    }

    private func scheduleRead() {
        guard !isReadScheduled, !reads.isEmpty else { return }
        isReadScheduled = true
        let now = ContinuousClock.now
        if readAgainAt > now { post(.readOn, after: readAgainAt - now) } else { post(.readOn) }
    }

    /// Reads one piece and hands it to the machine.
    func readOn() {
        isReadScheduled = false
        guard !reads.isEmpty, !closed, broken == nil else { return reads = [] }
        let read = reads.removeFirst()
        let begun = ContinuousClock.now
        var records: [JournalRecord] = []
        do { records = try store.records(from: read.from, bytesMax: read.bytesMax) } catch {
            fail(error, "reading the journal")
        }
        step(.loaded(read.load, records))
        let ended = ContinuousClock.now
        let pause = (ended - begun) * (PartitionServiceLimits.readShare - 1)
        readAgainAt = hasWaiting ? ended + min(pause, PartitionServiceLimits.readPauseMax) : ended
        scheduleRead()
    }

    /// Whether somebody waits for the disk.
    var hasWaiting: Bool { !writes.isEmpty || due != nil || settled != nil }
}
