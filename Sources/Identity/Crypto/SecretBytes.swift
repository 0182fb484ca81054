import CSodium

/// Secret bytes in guarded memory: locked out of swap where allowed, overwritten when released, never printed.
public final class SecretBytes: @unchecked Sendable {
    // Safe to share: written only during init, read-only afterwards.
    private let memory: UnsafeMutablePointer<UInt8>
    /// How many bytes there are.
    public let count: Int

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
        fill(bytes)
        _ = sodium_mprotect_readonly(memory)
        self.memory = bytes
        self.count = count
    }

    deinit { sodium_free(memory) }

    /// Lends the bytes; they must not be kept.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(start: memory, count: count))
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
