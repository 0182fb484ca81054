import CSodium

/// Start-up of libsodium and its random bytes.
public enum Sodium {
    /// Initialises libsodium once per process; every use of it here does so by itself. Idempotent, thread-safe.
    ///
    /// Stops the process if the library has no source of randomness: nothing here could be made safely.
    public static func initialize() {
        _ = initialized
    }

    private static let initialized: Bool = {
        precondition(sodium_init() >= 0, "libsodium could not be initialised: no source of random bytes")
        return true
    }()

    /// `count` unpredictable bytes from the operating system's generator. `count` is 0 or more.
    public static func randomBytes(_ count: Int) -> [UInt8] {
        initialize()
        return [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
            if let base = buffer.baseAddress, count > 0 { randombytes_buf(base, count) }
            filled = max(count, 0)
        }
    }

    /// Whether two byte strings are equal, in time that depends on their lengths only.
    public static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return sodium_memcmp(left, right, left.count) == 0
    }
}
