import COpenSSL
import COpenSSLShim

/// Conventions of libcrypto, in one place: encoding, its error queue, and who frees what.
enum OpenSSL {
    /// Bytes written by an `i2d_` function: asked for the length first, then for the bytes. Nil when it fails.
    static func encode(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8]? {
        let count = Int(write(nil))
        guard count > 0 else { return nil }
        var written = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var cursor = buffer.baseAddress
            written = Int(write(&cursor))
            filled = min(max(written, 0), count)
        }
        return written == count ? bytes : nil
    }

    /// An object read by a `d2i_` function from exactly these bytes. Nil when it fails or bytes are left over.
    static func decode(
        _ bytes: [UInt8],
        _ read: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?,
        release: (OpaquePointer) -> Void
    ) -> OpaquePointer? {
        bytes.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard cursor != nil, let object = read(&cursor, buffer.count) else {
                ERR_clear_error()
                return nil
            }
            guard let base = buffer.baseAddress, cursor == base + buffer.count else {
                release(object)
                return nil
            }
            return object
        }
    }

    /// Empties this thread's error queue; the reason of the oldest entry, or nil when there is none.
    static func takeReason() -> String? {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return nil }
        return String(cString: text)
    }

    /// The error of a call that has no reason to fail.
    static func failure(_ what: String, fileID: String = #fileID, line: UInt = #line) -> IdentityError {
        IdentityError(
            .cryptoFailure, what: what, why: takeReason() ?? "libcrypto gave no reason",
            next: "check free memory and the installed OpenSSL, then try again", fileID: fileID, line: line)
    }
}

/// Owns one reference to an `EVP_PKEY`.
///
/// Safe to share: it is never changed after it was made, and libcrypto locks what it caches inside.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}

/// Owns one reference to an `X509`.
///
/// Safe to share: it is never changed after it was made, and libcrypto locks what it caches inside.
final class CertificateHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }
}
