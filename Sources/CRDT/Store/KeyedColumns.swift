/// A row that can be found by a key as well as by its dot.
protocol KeyedRow: Equatable, Sendable {
    associatedtype Key: LatticeElement
    var key: Key { get }
}

/// Live rows by dot and by key. Several rows may have one key.
///
/// The look-up by key is an open-addressed table of 4-byte row numbers under SipHash, at most three quarters full; with
/// a secret key nobody can choose keys that collide. Nothing depends on the table's order.
struct KeyedColumns<Row: KeyedRow>: Sendable {
    private(set) var columns = DotColumns<Row>()
    private var slots: [UInt32] = []
    private let hashKey: SipKey

    private static var empty: UInt32 { .max }
    private static var slotsMin: Int { 8 }

    init(hashKey: SipKey) { self.hashKey = hashKey }

    var count: Int { columns.count }

    private func home(_ key: Row.Key) -> Int {
        Int(truncatingIfNeeded: key.siphash(hashKey)) & (slots.count - 1)
    }

    private func home(of number: UInt32) -> Int { home(columns[number].key) }

    /// Calls `body` with each row number of `key` until it returns false.
    private func probe(_ key: Row.Key, _ body: (UInt32) -> Bool) {
        if slots.isEmpty { return }
        var slot = home(key)
        while slots[slot] != Self.empty {
            let number = slots[slot]
            if columns[number].key == key, !body(number) { return }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    func contains(_ key: Row.Key) -> Bool {
        var found = false
        probe(key) { _ in
            found = true
            return false
        }
        return found
    }

    /// The live dots of `key`, in order.
    func dots(_ key: Row.Key) -> [Dot] {
        var dots: [Dot] = []
        probe(key) { number in
            dots.append(columns.dot(number))
            return true
        }
        return dots.count > 1 ? dots.sorted() : dots
    }

    /// Puts in a row where none is live; says whether it did.
    @discardableResult
    mutating func insert(_ row: Row, at dot: Dot) -> Bool {
        guard let number = columns.insert(row, at: dot) else { return false }
        if columns.count * 4 > slots.count * 3 { grow() } else { place(number, home(row.key)) }
        return true
    }

    private mutating func place(_ number: UInt32, _ home: Int) {
        var slot = home
        while slots[slot] != Self.empty { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = number
    }

    private mutating func grow() {
        slots = Array(repeating: Self.empty, count: max(Self.slotsMin, slots.count * 2))
        for page in columns.pages.indices {
            var bits = columns.pages[page].live
            for row in columns.pages[page].rows {
                place(UInt32(page) << 6 | UInt32(bits.trailingZeroBitCount), home(row.key))
                bits &= bits - 1
            }
        }
    }

    /// Takes out the row with this number, which must be live.
    mutating func remove(_ number: UInt32) {
        var hole = home(of: number)
        while slots[hole] != number { hole = (hole + 1) & (slots.count - 1) }
        let mask = slots.count - 1
        var next = (hole + 1) & mask
        // Close the gap: move back each follower whose home is not behind the hole.
        while slots[next] != Self.empty {
            let distance = (next - home(of: slots[next])) & mask
            if distance >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Self.empty
        columns.remove(number)
    }

    /// Takes out the row of this dot, if one is live.
    @discardableResult
    mutating func remove(_ dot: Dot) -> Row? {
        guard let number = columns.number(of: dot) else { return nil }
        let row = columns[number]
        remove(number)
        return row
    }

    /// The rows here that are dead in a state that has seen `context` and has `other` alive: seen there, not live
    /// there. Costs in proportion to the pages that `context` touches, or to the pages here if those are fewer.
    func killed<Other>(by context: CausalContext, keeping other: DotColumns<Other>) -> [UInt32] {
        var dead: [UInt32] = []
        for (replica, seen) in context.counters {
            guard let index = columns.replicaIndex(replica), columns.pageCount(index) > 0 else { continue }
            let otherIndex = other.replicaIndex(replica)
            func visit(_ page: Int) {
                let number = columns.pages[page].number
                var bits = columns.pages[page].live & seen.word(number)
                if bits != 0, let otherIndex { bits &= ~other.liveWord(otherIndex, number) }
                while bits != 0 {
                    dead.append(UInt32(page) << 6 | UInt32(bits.trailingZeroBitCount))
                    bits &= bits - 1
                }
            }
            // Looking a page up costs more than passing over one.
            guard seen.wordCount(atMost: columns.pageCount(index) / 2) != nil else {
                for page in columns.unorderedPages(index) { visit(Int(page)) }
                continue
            }
            var after: UInt64 = 0
            for interval in seen.intervals {
                let last = interval.upperBound >> 6
                var number = max(interval.lowerBound >> 6, after)
                while number <= last {
                    if let page = columns.page(index, number) { visit(page) }
                    number += 1
                }
                after = last + 1
            }
        }
        return dead
    }

    /// The rows here that a state that has seen `context` has not: by page, in no order.
    func unseen(by context: CausalContext) -> [(dot: Dot, row: Row)] {
        var rows: [(dot: Dot, row: Row)] = []
        let seen = columns.replicas.map { context[$0] }
        for page in columns.pages where page.live != 0 {
            let replica = columns.replicas[page.replica]
            var bits = page.live & ~seen[page.replica].word(page.number)
            while bits != 0 {
                let offset = UInt64(bits.trailingZeroBitCount)
                rows.append((Dot(replica, page.number << 6 | offset), page.rows[page.position(offset)]))
                bits &= bits - 1
            }
        }
        return rows
    }
}

extension KeyedColumns: Equatable {
    static func == (left: KeyedColumns, right: KeyedColumns) -> Bool { left.columns == right.columns }
}
