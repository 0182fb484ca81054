internal import BoltAPI
internal import Foundation

extension PassReport {
    /// Bytes of the entries of one report as it is told.
    static let toldBytesMax = 48 * 1024

    /// The same with as many entries as there is room for: failures first, then what was changed, what was passed over,
    /// and what was as it should be; in the order in which they were applied. `isTerse` leaves the last kind out.
    func bounded(isTerse: Bool = false, to limit: Int = toldBytesMax) -> PassReport {
        var kept: Set<Int> = []
        var bytes = 0
        let ranked = resources.indices.sorted {
            (Self.rank(resources[$0].outcome), $0) < (Self.rank(resources[$1].outcome), $1)
        }
        for index in ranked {
            if isTerse, resources[index].outcome == .unchanged { break }
            bytes += (try? APIJSON.encode(resources[index]).count) ?? limit
            guard bytes <= limit else { break }
            kept.insert(index)
        }
        var told = self
        told.resources = resources.indices.filter { kept.contains($0) }.map { resources[$0] }
        told.omitted += resources.count - told.resources.count
        return told
    }

    private static func rank(_ outcome: PassResource.Outcome) -> Int {
        switch outcome {
        case .failed: 0
        case .changed, .wouldChange: 1
        case .skipped: 2
        case .unchanged: 3
        }
    }
}
