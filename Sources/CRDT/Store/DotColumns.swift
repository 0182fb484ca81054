/// Live rows by dot, in pages of 64 consecutive counters.
///
/// A page keeps one bit per counter and its live rows packed, so a dead row costs nothing and two stores are compared
/// 64 dots at a time. Rows have a 32-bit number that stays the same while the row lives; at most `2^26` pages.
struct DotColumns<Row> {
    struct Page {
        var replica: Int
        /// The counters `64 * number ... 64 * number + 63`.
        var number: UInt64
        var live: UInt64
        /// The live rows, by ascending counter.
        var rows: [Row]

        func position(_ offset: UInt64) -> Int { (live & ((1 << offset) - 1)).nonzeroBitCount }
    }

    /// Page index and offset in the page.
    typealias RowNumber = UInt32

    private(set) var replicas: [ReplicaID] = []
    private var indices: [ReplicaID: Int] = [:]
    private var pageOf: [[UInt64: UInt32]] = []
    private(set) var pages: [Page] = []
    private var free: [UInt32] = []
    private(set) var count = 0

    static var pagesMax: Int { 1 << 26 }

    func replicaIndex(_ replica: ReplicaID) -> Int? { indices[replica] }

    private mutating func intern(_ replica: ReplicaID) -> Int {
        if let index = indices[replica] { return index }
        let index = replicas.count
        indices[replica] = index
        replicas.append(replica)
        pageOf.append([:])
        return index
    }

    func page(_ replica: Int, _ number: UInt64) -> Int? { pageOf[replica][number].map { Int($0) } }

    /// How many pages hold rows of this replica.
    func pageCount(_ replica: Int) -> Int { pageOf[replica].count }

    /// Indices of a replica's pages, in no order.
    func unorderedPages(_ replica: Int) -> some Sequence<UInt32> { pageOf[replica].values }

    /// Indices of a replica's pages by counter.
    func orderedPages(_ replica: ReplicaID) -> [Int] {
        guard let index = indices[replica] else { return [] }
        return pageOf[index].sorted { $0.key < $1.key }.map { Int($0.value) }
    }

    /// Live bits of the 64 counters of page `number` of the replica with this index.
    func liveWord(_ replica: Int, _ number: UInt64) -> UInt64 {
        page(replica, number).map { pages[$0].live } ?? 0
    }

    func number(of dot: Dot) -> RowNumber? {
        let offset = dot.counter & 63
        guard let index = indices[dot.replica], let page = page(index, dot.counter >> 6) else { return nil }
        guard pages[page].live >> offset & 1 == 1 else { return nil }
        return UInt32(page) << 6 | UInt32(offset)
    }

    subscript(dot: Dot) -> Row? { number(of: dot).map { self[$0] } }

    /// The row with this number, which must be live.
    subscript(number: RowNumber) -> Row {
        let page = Int(number >> 6)
        return pages[page].rows[pages[page].position(UInt64(number & 63))]
    }

    /// The dot of the row with this number, which must be live.
    func dot(_ number: RowNumber) -> Dot {
        let page = Int(number >> 6)
        return Dot(replicas[pages[page].replica], pages[page].number << 6 | UInt64(number & 63))
    }

    /// Puts in a row where none is live; nil, changing nothing, where one is.
    mutating func insert(_ row: Row, at dot: Dot) -> RowNumber? {
        let replica = intern(dot.replica)
        let offset = dot.counter & 63
        let page = page(replica, dot.counter >> 6) ?? openPage(replica, dot.counter >> 6)
        guard pages[page].live >> offset & 1 == 0 else { return nil }
        let position = pages[page].position(offset)
        if position == pages[page].rows.count {
            pages[page].rows.append(row)
        } else {
            pages[page].rows.insert(row, at: position)
        }
        pages[page].live |= 1 << offset
        count += 1
        return UInt32(page) << 6 | UInt32(offset)
    }

    private mutating func openPage(_ replica: Int, _ number: UInt64) -> Int {
        let page: Int
        if let reused = free.popLast() {
            page = Int(reused)
            pages[page] = Page(replica: replica, number: number, live: 0, rows: [])
        } else {
            page = pages.count
            precondition(page < Self.pagesMax, "more than 2^26 pages of 64 dots")
            pages.append(Page(replica: replica, number: number, live: 0, rows: []))
        }
        pageOf[replica][number] = UInt32(page)
        return page
    }

    /// Takes out the row with this number, which must be live.
    mutating func remove(_ number: RowNumber) {
        let page = Int(number >> 6)
        let offset = UInt64(number & 63)
        let position = pages[page].position(offset)
        pages[page].live &= ~(1 << offset)
        count -= 1
        if pages[page].live == 0 {
            pageOf[pages[page].replica][pages[page].number] = nil
            pages[page].rows = []
            free.append(UInt32(page))
        } else {
            pages[page].rows.remove(at: position)
        }
    }

    /// Rows of one page with their dots, by counter.
    func rows(ofPage page: Int) -> [(dot: Dot, row: Row)] {
        let page = pages[page]
        var bits = page.live
        return page.rows.map { row in
            let offset = UInt64(bits.trailingZeroBitCount)
            bits &= bits - 1
            return (Dot(replicas[page.replica], page.number << 6 | offset), row)
        }
    }

    /// The replicas that have live rows, in order.
    var liveReplicas: [ReplicaID] {
        replicas.indices.filter { !pageOf[$0].isEmpty }.map { replicas[$0] }.sorted()
    }

    /// All rows by dot.
    var ordered: [(dot: Dot, row: Row)] {
        liveReplicas.flatMap { orderedPages($0).flatMap { rows(ofPage: $0) } }
    }

    /// The live counters of a replica as runs, ascending.
    func liveRuns(_ replica: ReplicaID) -> [ClosedRange<UInt64>] {
        var runs: [ClosedRange<UInt64>] = []
        for page in orderedPages(replica) {
            var bits = pages[page].live
            var base = pages[page].number << 6
            while bits != 0 {
                let zeros = UInt64(bits.trailingZeroBitCount)
                bits >>= zeros
                let ones = UInt64((~bits).trailingZeroBitCount)
                bits = ones == 64 ? 0 : bits >> ones
                let lower = base + zeros
                let upper = lower + ones - 1
                if let last = runs.last, last.upperBound + 1 == lower {
                    runs[runs.count - 1] = last.lowerBound...upper
                } else {
                    runs.append(lower...upper)
                }
                base = upper + 1
            }
        }
        return runs
    }
}

extension DotColumns.Page: Sendable where Row: Sendable {}
extension DotColumns: Sendable where Row: Sendable {}

extension DotColumns: Equatable where Row: Equatable {
    /// Whether the same rows live under the same dots, wherever they are kept.
    static func == (left: DotColumns, right: DotColumns) -> Bool {
        guard left.count == right.count else { return false }
        return left.pages.allSatisfy { page in
            guard page.live != 0 else { return true }
            guard let replica = right.indices[left.replicas[page.replica]],
                let other = right.page(replica, page.number)
            else { return false }
            return right.pages[other].live == page.live && right.pages[other].rows == page.rows
        }
    }
}
