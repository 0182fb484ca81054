/// Counters of one replica: everything up to `prefix`, and runs beyond it.
///
/// Always compacted: runs are ascending, apart from each other and from the prefix by at least one missing counter, so
/// equal sets have one form. Counters lie in `1...Dot.counterMax`; others are never taken in.
struct CounterSet: Hashable, Sendable {
    private(set) var prefix: UInt64 = 0
    private(set) var runs: [ClosedRange<UInt64>] = []

    var isEmpty: Bool { prefix == 0 && runs.isEmpty }
    var intervalCount: Int { runs.count + (prefix > 0 ? 1 : 0) }
    var last: UInt64 { runs.last?.upperBound ?? prefix }

    /// Prefix and runs, ascending.
    var intervals: [ClosedRange<UInt64>] { prefix > 0 ? [1...prefix] + runs : runs }

    func contains(_ counter: UInt64) -> Bool {
        if counter <= prefix { return counter > 0 }
        let index = firstRun(endingAtOrAfter: counter)
        return index < runs.count && runs[index].lowerBound <= counter
    }

    private func firstRun(endingAtOrAfter counter: UInt64) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].upperBound < counter { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Takes in a run, clipped to the valid counters; says whether anything was new.
    @discardableResult
    mutating func insert(_ range: ClosedRange<UInt64>) -> Bool {
        let lower = max(range.lowerBound, 1)
        let upper = min(range.upperBound, Dot.counterMax)
        guard lower <= upper else { return false }
        guard lower > prefix + 1 else {
            guard upper > prefix else { return false }
            prefix = upper
            absorbRuns()
            return true
        }
        let start = firstRun(endingAtOrAfter: lower - 1)
        guard start < runs.count else {
            runs.append(lower...upper)
            return true
        }
        if runs[start].lowerBound <= lower, runs[start].upperBound >= upper { return false }
        var (newLower, newUpper, end) = (lower, upper, start)
        while end < runs.count, runs[end].lowerBound <= upper + 1 {
            newLower = min(newLower, runs[end].lowerBound)
            newUpper = max(newUpper, runs[end].upperBound)
            end += 1
        }
        runs.replaceSubrange(start..<end, with: CollectionOfOne(newLower...newUpper))
        return true
    }

    /// Moves runs that the prefix has reached into it.
    private mutating func absorbRuns() {
        var reached = 0
        while reached < runs.count, runs[reached].lowerBound <= prefix + 1 {
            prefix = max(prefix, runs[reached].upperBound)
            reached += 1
        }
        if reached > 0 { runs.removeFirst(reached) }
    }

    /// Union. Linear in the runs of both when `other` has many, so that no peer can make it quadratic.
    mutating func merge(_ other: CounterSet) {
        if other.prefix > 0 { insert(1...other.prefix) }
        guard other.runs.count > CounterSet.singleInsertsMax else {
            for run in other.runs { insert(run) }
            return
        }
        var merged: [ClosedRange<UInt64>] = []
        merged.reserveCapacity(runs.count + other.runs.count)
        var (mine, theirs) = (0, 0)
        while mine < runs.count || theirs < other.runs.count {
            let next: ClosedRange<UInt64>
            if theirs == other.runs.count
                || (mine < runs.count && runs[mine].lowerBound <= other.runs[theirs].lowerBound)
            {
                next = runs[mine]
                mine += 1
            } else {
                next = other.runs[theirs]
                theirs += 1
            }
            if let tail = merged.last, next.lowerBound <= tail.upperBound + 1 {
                merged[merged.count - 1] = tail.lowerBound...max(tail.upperBound, next.upperBound)
            } else {
                merged.append(next)
            }
        }
        runs = merged
        absorbRuns()
    }

    private static let singleInsertsMax = 4

    func includes(_ other: CounterSet) -> Bool {
        guard prefix >= other.prefix else { return false }
        var mine = 0
        for run in other.runs where run.upperBound > prefix {
            while mine < runs.count, runs[mine].upperBound < run.upperBound { mine += 1 }
            guard mine < runs.count, runs[mine].lowerBound <= run.lowerBound else { return false }
        }
        return true
    }

    /// What is here and not in `other`, ascending.
    func subtracting(_ other: CounterSet) -> [ClosedRange<UInt64>] {
        let holes = other.intervals
        var result: [ClosedRange<UInt64>] = []
        var hole = 0
        for interval in intervals {
            var lower = interval.lowerBound
            while hole < holes.count, holes[hole].upperBound < lower { hole += 1 }
            var scan = hole
            while scan < holes.count, holes[scan].lowerBound <= interval.upperBound, lower <= interval.upperBound {
                if holes[scan].lowerBound > lower { result.append(lower...holes[scan].lowerBound - 1) }
                lower = max(lower, holes[scan].upperBound + 1)
                scan += 1
            }
            if lower <= interval.upperBound { result.append(lower...interval.upperBound) }
            hole = max(hole, scan - 1)
        }
        return result
    }

    /// The 64 counters `64 * number ... 64 * number + 63` as bits, lowest first.
    func word(_ number: UInt64) -> UInt64 {
        let first = number << 6
        let last = first | 63
        var bits = first > prefix ? 0 : CounterSet.bits(upTo: min(prefix, last) & 63)
        if number == 0 { bits &= ~1 }
        guard last > prefix, !runs.isEmpty else { return bits }
        var index = firstRun(endingAtOrAfter: first)
        while index < runs.count, runs[index].lowerBound <= last {
            let low = max(runs[index].lowerBound, first) & 63
            let high = min(runs[index].upperBound, last) & 63
            bits |= CounterSet.bits(upTo: high) & ~(low == 0 ? 0 : CounterSet.bits(upTo: low - 1))
            index += 1
        }
        return bits
    }

    /// Bits `0...position` set.
    private static func bits(upTo position: UInt64) -> UInt64 { ~0 >> (63 - position) }

    /// How many 64-counter words the intervals touch, or nil if more than `limit`.
    func wordCount(atMost limit: Int) -> Int? {
        var total: UInt64 = 0
        for interval in intervals {
            total += (interval.upperBound >> 6) - (interval.lowerBound >> 6) + 1
            if total > UInt64(limit) { return nil }
        }
        return Int(total)
    }
}
