import CRDT

/// The textual encoding of certificates, requests and keys (RFC 7468).
public enum PEM {
    /// One labelled block.
    public struct Block: Sendable, Equatable {
        /// Such as `CERTIFICATE`.
        public let label: String
        /// The decoded bytes.
        public let der: [UInt8]
    }

    /// Text of one block, lines of 64 characters, ending in a newline.
    public static func encode(label: String, _ der: [UInt8]) -> [UInt8] {
        let body = Base64.encodeStandard(der)
        var text = Array("-----BEGIN \(label)-----\n".utf8)
        for start in stride(from: 0, to: body.count, by: 64) {
            text += body[start..<min(start + 64, body.count)]
            text.append(newline)
        }
        text += Array("-----END \(label)-----\n".utf8)
        return text
    }

    /// The blocks of a text, in order; what stands between them is skipped.
    ///
    /// Fails with `tooLarge` over `IdentityLimits.fileBytesMax` or `pemBlocksMax`, with `malformed` for a block
    /// without an end or with characters that are not base64. `what` names the source in the error.
    public static func decode(_ text: [UInt8], what: String) throws(IdentityError) -> [Block] {
        guard text.count <= IdentityLimits.fileBytesMax else {
            throw oversize(what, "\(text.count) bytes; at most \(IdentityLimits.fileBytesMax) are read")
        }
        var blocks: [Block] = []
        var label: String?
        var body: [UInt8] = []
        for line in text.split(whereSeparator: { $0 == newline || $0 == carriageReturn }) {
            if let open = label {
                if let end = boundary(line, "END") {
                    guard end == open, let der = Base64.decodeStandard(body) else { throw broken(what, open) }
                    guard blocks.count < IdentityLimits.pemBlocksMax else {
                        throw oversize(what, "more than \(IdentityLimits.pemBlocksMax) PEM blocks")
                    }
                    blocks.append(Block(label: open, der: der))
                    label = nil
                } else {
                    body += line.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
                }
            } else if let begin = boundary(line, "BEGIN") {
                label = begin
                body = []
            }
        }
        if let label { throw broken(what, label) }
        return blocks
    }

    private static let newline = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private static func boundary(_ line: ArraySlice<UInt8>, _ kind: String) -> String? {
        let prefix = Array("-----\(kind) ".utf8)
        let suffix = Array("-----".utf8)
        guard line.count > prefix.count + suffix.count, line.starts(with: prefix),
            line.suffix(suffix.count).elementsEqual(suffix)
        else { return nil }
        return String(decoding: line.dropFirst(prefix.count).dropLast(suffix.count), as: UTF8.self)
    }

    private static func oversize(_ what: String, _ why: String) -> IdentityError {
        IdentityError(.tooLarge, what: "read \(what)", why: why, next: "check that this is the right file")
    }

    private static func broken(_ what: String, _ label: String) -> IdentityError {
        IdentityError(
            .malformed, what: "read \(what)", why: "its \(label) block has no matching end or is not base64",
            next: "restore the file from where it was made")
    }
}
