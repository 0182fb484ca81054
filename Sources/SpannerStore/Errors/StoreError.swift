/// A failure of the store, told so that a caller can branch on it and an operator knows what to do.
///
/// Equality is by `code` alone. The texts never contain stored bodies.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure, as listed in the error catalogue.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name itself: lower case, words joined by underscores.
        public let rawValue: String

        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// A fact that a caller needs to go on, beside the code.
    public enum Detail: Hashable, Sendable {
        /// The counter or sequence that would have been taken.
        case expected(UInt64)
        /// The counter or sequence at which stored bytes differ from those offered.
        case differs(at: UInt64)
        /// The process that holds the state directory.
        case holder(pid: Int32)
        /// SQLite's extended result code.
        case sqlite(Int32)
        /// The operating system's error number.
        case system(Int32)
    }

    /// The stable kind.
    public let code: Code
    /// What was attempted, on what.
    public let what: String
    /// Why it failed: expected against actual, or the underlying error.
    public let why: String
    /// Whether anything durable may differ from before the attempt.
    public let stateChanged: Bool
    /// What the reader can do next.
    public let next: String
    /// The one fact that a program may need.
    public let detail: Detail?
    /// Where in the source the error was made.
    public let fileID: String
    /// Line in `fileID`.
    public let line: UInt

    /// Describes a failure. `stateChanged` is false unless said: a failed transaction leaves nothing behind.
    public init(
        _ code: Code, what: String, why: String, stateChanged: Bool = false, next: String, detail: Detail? = nil,
        fileID: String = #fileID, line: UInt = #line
    ) {
        (self.code, self.what, self.why, self.stateChanged) = (code, what, why, stateChanged)
        (self.next, self.detail, self.fileID, self.line) = (next, detail, fileID, line)
    }

    /// Equal when the codes are.
    public static func == (left: StoreError, right: StoreError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String {
        let state = stateChanged ? "state may have changed" : "nothing was changed"
        return "\(what): \(why) (\(state)); \(next) [\(code.rawValue)]"
    }
}

extension StoreError.Code {
    /// Operator: another process holds the state directory or the database. Retry after it has ended.
    public static let locked = Self(rawValue: "store_locked")
    /// Operator: the directory or a file in it belongs to another user, or others may write to it.
    public static let permissions = Self(rawValue: "store_permissions")
    /// Operator: the file is not one of ours: another program's database, or another kind of ours.
    public static let foreign = Self(rawValue: "store_foreign")
    /// Operator: a newer version of this program wrote the database. Nothing was opened for writing.
    public static let newerSchema = Self(rawValue: "store_newer_schema")
    /// Operator: no room on the disk. The transaction was rolled back; the same call works once there is room.
    public static let full = Self(rawValue: "store_full")
    /// Disk: stored bytes are not what was written. Nothing of them was returned. The node must not serve from them.
    public static let corrupt = Self(rawValue: "store_corrupt")
    /// Disk: reading, writing or flushing failed. The handle is poisoned; whether the last transaction is durable is
    /// unknown until the database is opened again.
    public static let inputOutput = Self(rawValue: "store_io")
    /// Our own earlier failure: this handle met an I/O error or damage and takes no call any more. Open it anew.
    public static let poisoned = Self(rawValue: "store_poisoned")
    /// Caller: input over a named limit; nothing of it was stored.
    public static let tooLarge = Self(rawValue: "store_too_large")
    /// Caller: events, or results, that do not follow what is stored; `detail` says what was expected.
    public static let gap = Self(rawValue: "store_gap")
    /// Peer: other bytes are already stored at this place; `detail` says where. What was stored first stays.
    public static let conflict = Self(rawValue: "store_conflict")
    /// Peer: a queue that is another envoy's. Nothing was stored.
    public static let queueOfAnother = Self(rawValue: "store_queue_of_another")
    /// Peer: more was acknowledged than this queue ever held: it is an old copy and needs a new incarnation.
    public static let queueBehind = Self(rawValue: "store_queue_behind")
    /// Peer: an envoy opens more queue incarnations than its owner keeps. Nothing was stored.
    public static let tooManyQueues = Self(rawValue: "store_too_many_queues")
    /// Caller: something that this store does not hold was named.
    public static let unknown = Self(rawValue: "store_unknown")
    /// Our bug, or a broken build of SQLite: a statement or a setting was not taken.
    public static let `internal` = Self(rawValue: "store_internal")
}

extension StoreError {
    /// Whether the handle that threw it, or threw it first, can't be used any more.
    public var endsTheHandle: Bool {
        switch code {
        case .inputOutput, .corrupt, .poisoned: return true
        case _: return false
        }
    }
}
