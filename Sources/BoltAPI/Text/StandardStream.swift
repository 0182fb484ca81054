internal import Foundation
internal import Glibc

/// Text on a standard stream. A stream may be a full disk, or a pipe whose reader is gone: that ends neither a server
/// nor what an operator began.
public enum StandardStream: Int32, Sendable {
    /// Where data goes.
    case output = 1
    /// Where everything else goes.
    case error = 2

    /// Writes all of it, in as few calls as can be; false where some of it could not be written, which is then lost.
    /// Signals that interrupt are passed over.
    @discardableResult
    public func write(_ text: String) -> Bool { StandardStream.write(Array(text.utf8), to: rawValue) }

    /// Writes all bytes to a descriptor that blocks; false where it takes no more.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
                if count > 0 { written += count } else if count == 0 || errno != EINTR { return false }
            }
            return true
        }
    }
}
