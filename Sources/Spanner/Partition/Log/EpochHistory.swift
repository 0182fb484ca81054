/// Where the epochs of a log began, and where it ends: enough to find the fork of two logs in one round.
///
/// Within one epoch exactly one author writes, and never two records at one position. So two logs that hold one `begin`
/// record are equal from there to where the first of them ends that epoch. A high-water mark would not tell (KIP-101).
public struct EpochHistory: Hashable, Sendable {
    /// The point of each epoch's first record, ascending; the latest `PartitionLimits.historyMax`.
    public private(set) var begins: [LogPoint]
    /// The last record.
    public private(set) var tip: LogPoint

    /// The history of a log; `begins` beyond the limit, oldest first, are dropped.
    public init(begins: [LogPoint], tip: LogPoint) {
        (self.begins, self.tip) = (Array(begins.suffix(PartitionLimits.historyMax)), tip)
    }

    /// What is known of where two logs part.
    public enum Fork: Hashable, Sendable {
        /// They are equal up to this position, and not beyond; 0 where one of them is empty.
        case after(UInt64)
        /// They share no epoch that both still name.
        case unknown
    }

    /// Where this log and another part.
    public func fork(with other: EpochHistory) -> Fork {
        if tip.position == 0 || other.tip.position == 0 { return .after(0) }
        for (place, begin) in begins.enumerated().reversed() {
            guard let match = other.begins.lastIndex(of: begin) else { continue }
            return .after(min(end(ofEpochAt: place), other.end(ofEpochAt: match)))
        }
        return .unknown
    }

    /// The epoch of the record at a position; nil beyond the tip or before the first epoch that is named.
    public func epoch(at position: UInt64) -> PartitionEpoch? {
        guard position <= tip.position else { return nil }
        if position == tip.position { return tip.epoch }
        return begins.last { $0.position <= position }?.epoch
    }

    /// Adds a record's point; `begins` says that it is the first of its epoch.
    public mutating func append(_ point: LogPoint, begins isBegin: Bool) {
        tip = point
        guard isBegin else { return }
        begins.append(point)
        if begins.count > PartitionLimits.historyMax { begins.removeFirst() }
    }

    /// Drops everything after a point.
    public mutating func cut(to point: LogPoint) {
        tip = point
        begins.removeAll { $0.position > point.position }
    }

    private func end(ofEpochAt place: Int) -> UInt64 {
        let next = place + 1
        guard next < begins.count else { return tip.position }
        return begins[next].position &- 1
    }
}

extension PartitionHello {
    /// Where the sender's epochs began and its log ends.
    public var epochs: EpochHistory { EpochHistory(begins: history, tip: tip) }
}

extension PartitionDurable {
    /// Where the epochs began and the log ends.
    public var epochs: EpochHistory { EpochHistory(begins: history, tip: tip) }
}
