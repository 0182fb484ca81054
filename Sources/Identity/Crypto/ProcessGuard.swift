import CSodium

/// What keeps a whole process's memory from being written to disk or read by others.
public enum ProcessGuard {
    /// No core file is made of this process from now on, and no other process of its user may read its memory.
    ///
    /// Cannot be undone for core files. Children that run another program are not affected by the second. Fails with
    /// `cryptoFailure` where the system refuses: secrets should not be unsealed then.
    public static func forbidDumps() throws(IdentityError) {
        let reason = bolt_forbid_dumps()
        guard reason == 0 else {
            throw IdentityError(
                .cryptoFailure, what: "forbid core files of this process", why: "system error \(reason)",
                next: "allow setrlimit and prctl where the process is confined")
        }
    }

    /// Whether the system would write a core file of this process, or let others of its user read its memory.
    public static var mayBeDumped: Bool { bolt_may_be_dumped() != 0 }
}
