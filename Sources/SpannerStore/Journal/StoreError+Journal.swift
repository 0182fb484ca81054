public import Spanner

extension StoreError.Code {
    /// Fence: another promise is in force in the database than the one that the write was made under. Nothing was
    /// written; whoever asked does not reign, or no longer.
    public static let fenced = Self(rawValue: "store_fenced")
    /// Caller: a record, a cut or a position that does not follow what the journal holds. Nothing was written.
    public static let mismatch = Self(rawValue: "store_mismatch")
    /// Peer: a snapshot that is cut short, altered, of another partition, or older than what is safe here. What was
    /// held is still held.
    public static let snapshotRefused = Self(rawValue: "store_snapshot_refused")
}

extension StoreError {
    /// What a partition's machine is told of a transaction that did not come to be; nil where it cannot go on over this
    /// database: the disk failed or rotted, or the journal is of a newer version.
    public var persistFailure: PersistFailure? {
        switch code {
        case .full: return .full
        case .fenced: return .fenced
        case .mismatch, .tooLarge: return .mismatch
        case _: return nil
        }
    }

    /// Whether the command itself is at fault, so that every member refuses it alike. All else ends the transaction.
    var isAboutTheCommand: Bool {
        switch code {
        case .tooLarge, .gap, .conflict, .queueOfAnother, .tooManyQueues, .unknown: return true
        case _: return false
        }
    }
}
