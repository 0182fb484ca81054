internal import COpenSSLShim
internal import Glibc

/// Keeps what a process holds in memory from leaving it sideways: keys must not lie about in core files (S1).
public enum ProcessSecrecy {
    /// From now on this process writes no core file, and no other process of its user may read its memory. To be called
    /// before the first secret is read; children inherit the limit. Cannot be undone.
    ///
    /// Fails with `fileFailure` where the system takes neither; then no secret should be read.
    public static func begin() throws(IdentityError) {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        guard setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0 else { throw failure("core files") }
        guard boltssl_process_undumpable() == 0, !isDumpable else { throw failure("dumps of memory") }
    }

    /// Whether other processes of this user may read this one's memory.
    public static var isDumpable: Bool { boltssl_process_is_dumpable() != 0 }

    private static func failure(_ what: String) -> IdentityError {
        IdentityError(
            .fileFailure, what: "forbidding \(what) of this process", why: String(cString: strerror(errno)),
            next: "run it where prctl and setrlimit are allowed")
    }
}
