internal import Glibc

/// Why one resource is not as it shall be. The others are not touched by it, but for those that require it.
struct ResourceFailure: Error, Sendable {
    /// The stable name of a kind of failure, as listed in the error catalogue.
    struct Code: RawRepresentable, Hashable, Sendable {
        let rawValue: String
        init(rawValue: String) { self.rawValue = rawValue }
        /// Stack: a path that is none, or that leads out of the root by its text.
        static let badPath = Self(rawValue: "path_malformed")
        /// Machine: a symbolic link on the way leads out of the root.
        static let outside = Self(rawValue: "path_outside_root")
        /// Machine: a symbolic link on the way belongs to another user than root and the agent's.
        static let link = Self(rawValue: "path_link_refused")
        /// Machine or stack: the directory of a path is not there.
        static let parentMissing = Self(rawValue: "path_parent_missing")
        /// Machine: something else is at the path.
        static let wrongKind = Self(rawValue: "path_wrong_kind")
        /// Machine: somebody changed the path during the change.
        static let changedMeanwhile = Self(rawValue: "path_changed_meanwhile")
        /// Stack: a user or group that the machine does not know.
        static let unknownOwner = Self(rawValue: "owner_unknown")
        /// Machine: only root may do that.
        static let needsRoot = Self(rawValue: "owner_needs_root")
        /// Machine: the agent's user may not.
        static let notPermitted = Self(rawValue: "file_not_permitted")
        /// Machine: the disk, or what the user may take of it, is full.
        static let diskFull = Self(rawValue: "disk_full")
        /// Machine: it is mounted to be read only.
        static let readOnly = Self(rawValue: "disk_read_only")
        /// Machine: any other failure of a file.
        static let fileFailed = Self(rawValue: "file_failed")
        /// Machine: a directory that is to go is not empty.
        static let notEmpty = Self(rawValue: "directory_not_empty")
        /// Machine: a directory that is to go is larger or deeper than is removed.
        static let tooMuch = Self(rawValue: "directory_too_large")
        /// A program is not there or can't be run.
        static let cannotRun = Self(rawValue: "program_cannot_run")
        /// A program did not end in time.
        static let timedOut = Self(rawValue: "program_timed_out")
        /// A program ended and left others that hold its output open.
        static let leftOpen = Self(rawValue: "program_left_open")
        /// A program was ended because the pass was to end.
        static let cancelled = Self(rawValue: "program_cancelled")
        /// A command ended with another code than 0, or by a signal.
        static let commandFailed = Self(rawValue: "command_failed")
        /// There is no handler for the type.
        static let noHandler = Self(rawValue: "handler_missing")
        /// The handler's file is one that others may write to.
        static let unsafeHandler = Self(rawValue: "handler_unsafe")
        /// What the handler answered is no answer.
        static let badAnswer = Self(rawValue: "handler_bad_answer")
        /// The handler printed more than is taken.
        static let flood = Self(rawValue: "handler_flood")
        /// The handler says that it failed.
        static let handlerFailed = Self(rawValue: "handler_failed")
    }

    /// The stable kind.
    var code: String
    /// What was attempted, on what.
    var what: String
    /// Why it failed.
    var why: String
    /// What the reader can do next.
    var next: String
    /// Whether the machine may differ from before.
    var hasChangedState = false
    /// The end of what a program printed, not yet safe to show.
    var output: ShownOutput?

    init(_ code: Code, what: String, why: String, next: String, hasChangedState: Bool = false) {
        (self.code, self.what, self.why, self.next) = (code.rawValue, what, why, next)
        self.hasChangedState = hasChangedState
    }

    init(code: String, what: String, why: String, next: String) {
        (self.code, self.what, self.why, self.next) = (code, what, why, next)
    }

    /// What a call of the system says.
    static func system(_ what: String, _ number: Int32, hasChangedState: Bool = false) -> ResourceFailure {
        let reason = String(cString: strerror(number))
        let (code, next): (Code, String) =
            switch number {
            case ENOSPC, EDQUOT: (.diskFull, "make room on that disk; the next pass tries again")
            case EROFS: (.readOnly, "mount it to be written to, or take the resource out of this machine's layers")
            case EACCES, EPERM: (.notPermitted, "run the agent as root, or as a user who may")
            case ELOOP: (.changedMeanwhile, "look who makes symbolic links there; the next pass tries again")
            default: (.fileFailed, "remove the cause; the next pass tries again")
            }
        return ResourceFailure(code, what: what, why: reason, next: next, hasChangedState: hasChangedState)
    }
}
