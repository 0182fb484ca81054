import CSodium
public import CRDT

/// BLAKE2b with a 32-byte digest (RFC 7693), plain or keyed.
public enum BLAKE2b {
    /// Bytes that a key may have.
    public static let keyBytes = 16...64

    /// The digest of `bytes`.
    public static func hash(_ bytes: [UInt8]) -> Bytes32 {
        bytes.withUnsafeBufferPointer { digest($0, key: []) }
    }

    /// The digest of `bytes` under a secret key of 16 to 64 bytes: a message authentication code.
    ///
    /// A key of another length is our own bug and stops the process.
    public static func hash(_ bytes: [UInt8], key: [UInt8]) -> Bytes32 {
        precondition(keyBytes.contains(key.count), "a BLAKE2b key has 16 to 64 bytes, this one \(key.count)")
        return bytes.withUnsafeBufferPointer { digest($0, key: key) }
    }

    private static func digest(_ bytes: UnsafeBufferPointer<UInt8>, key: [UInt8]) -> Bytes32 {
        Sodium.initialize()
        return Bytes32 { out in
            let status = crypto_generichash(
                out, Bytes32.count, bytes.baseAddress, UInt64(bytes.count), key.isEmpty ? nil : key, key.count)
            precondition(status == 0, "BLAKE2b refused \(bytes.count) bytes under a key of \(key.count)")
        }
    }
}

/// SHA-256 (FIPS 180-4), for fingerprints that other tools compute too.
public enum SHA256 {
    /// The digest of `bytes`.
    public static func hash(_ bytes: [UInt8]) -> Bytes32 {
        Bytes32 { out in _ = crypto_hash_sha256(out, bytes, UInt64(bytes.count)) }
    }
}

extension Bytes32 {
    /// Thirty-two bytes written by a C function.
    init(fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { buffer in
            buffer.withMemoryRebound(to: UInt8.self) { bytes in
                if let base = bytes.baseAddress { fill(base) }
            }
        }
        self.init(
            words: (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian))
    }
}
