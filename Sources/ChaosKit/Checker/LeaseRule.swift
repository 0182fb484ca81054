/// P9: without a lease engine nobody is promoted, and a primary goes on.
enum LeaseRule {
    /// A primary that gives no answer for so long, in nanoseconds, has stopped.
    static let silenceMax: UInt64 = 4_000_000_000

    static func check(_ history: MeshHistory) -> [Violation] {
        let calls = history.writers.flatMap(\.calls).filter { $0.answer != nil }
        return history.absences.flatMap { absence in
            check(absence, calls.filter { $0.answer?.partition == absence.partition })
        }
    }

    /// `calls` are those that the partition answered.
    private static func check(_ absence: EngineAbsence, _ calls: [ClientCall]) -> [Violation] {
        // Nobody reports to it at all: nothing can be told.
        guard !calls.isEmpty else { return [] }
        let before = calls.filter { $0.end < absence.from }.compactMap(\.answer?.mark.epoch).max()
        let within = calls.filter { $0.begin >= absence.from && $0.end <= absence.to }
        var found: [Violation] = []
        if let before, let later = within.first(where: { ($0.answer?.mark.epoch ?? 0) > before }) {
            found.append(
                Violation(
                    .promotedAlone, absence.partition,
                    "\(later.bolt) answered at epoch \(later.answer?.mark.epoch ?? 0), the engine was away since epoch "
                        + "\(before)"))
        }
        guard absence.isCalm else { return found }
        var last = absence.from
        for instant in within.map(\.end).sorted() + [absence.to] {
            if instant > last, instant - last > silenceMax {
                found.append(
                    Violation(
                        .stoppedWithEngine, absence.partition,
                        "no answer for \((instant - last) / 1_000_000) ms while the engine was away"))
                break
            }
            last = max(last, instant)
        }
        return found
    }
}
