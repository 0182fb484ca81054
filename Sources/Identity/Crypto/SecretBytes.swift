import CSodium
import Synchronization

/// Secret bytes in guarded memory: locked out of swap where allowed, never in a core file, between inaccessible pages,
/// inaccessible itself but while lent, overwritten when released, never printed.
public final class SecretBytes: @unchecked Sendable {
    // Safe to share: written only during init, read-only afterwards; who may read it is counted under the lock.
    private let memory: UnsafeMutablePointer<UInt8>
    private let borrowers = Mutex(0)
    /// How many bytes there are.
    public let count: Int
    /// Whether the system keeps them out of swap. False where the limit of locked memory is reached: they are guarded
    /// all the same, but on a machine with unencrypted swap they may reach its disk.
    public let isLocked: Bool

    /// Copies `bytes`. The caller's copy stays as it is; wipe it if it was temporary.
    public convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count) { target in target.initialize(from: bytes, count: bytes.count) }
    }

    /// Guarded memory of `count` bytes, filled by `fill`. Stops the process when the system has no memory left.
    public init(count: Int, fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        Sodium.initialize()
        guard let memory = sodium_malloc(max(count, 1)) else {
            preconditionFailure("no memory for \(count) secret bytes")
        }
        let bytes = memory.bindMemory(to: UInt8.self, capacity: max(count, 1))
        // sodium_malloc locks too, but does not say whether it could.
        isLocked = sodium_mlock(memory, max(count, 1)) == 0
        fill(bytes)
        _ = sodium_mprotect_noaccess(memory)
        self.memory = bytes
        self.count = count
    }

    deinit { sodium_free(memory) }

    /// `count` unpredictable bytes from the operating system's generator.
    public static func random(_ count: Int) -> SecretBytes {
        SecretBytes(count: count) { randombytes_buf($0, count) }
    }

    /// Lends the bytes; they must not be kept. May be nested, and used by several threads at once.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        borrowers.withLock { borrowers in
            if borrowers == 0 { _ = sodium_mprotect_readonly(memory) }
            borrowers += 1
        }
        defer {
            borrowers.withLock { borrowers in
                borrowers -= 1
                if borrowers == 0 { _ = sodium_mprotect_noaccess(memory) }
            }
        }
        return try body(UnsafeBufferPointer(start: memory, count: count))
    }

    /// Overwrites an array that held a secret. Other copies that the runtime may have made are out of reach.
    public static func wipe(_ bytes: inout [UInt8]) {
        let count = bytes.count
        bytes.withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { sodium_memzero(base, count) }
        }
    }
}

extension SecretBytes: CustomStringConvertible, CustomReflectable {
    /// Never the bytes.
    public var description: String { "<\(count) secret bytes>" }
    /// Empty, so that dumps show nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
