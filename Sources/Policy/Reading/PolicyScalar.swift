internal import Yams

/// How scalars of a stack are read: as YAML 1.2 has it, and what other readers take otherwise is refused.
///
/// A quoted or a block scalar is text. Of plain ones, `true`, `false`, `null`, `~`, whole numbers (also `0o17`, `0x1f`)
/// and decimal numbers are what they look like, and all else is text: `yes`, `no`, `on`, `off` and dates too. A whole
/// number that begins with 0 is refused, for readers differ on what it is.
enum PolicyScalar {
    /// A scalar as a value. Fails with why it is none.
    static func value(_ scalar: Node.Scalar) throws(Unclear) -> PolicyValue {
        let tag = scalar.tag.rawValue
        if tag == Tag.Name.str.rawValue || (tag == Tag.Name.nonSpecific.rawValue && scalar.style != .plain) {
            return .text(scalar.string)
        }
        guard tag == Tag.Name.implicit.rawValue else {
            throw Unclear(reason: "tags such as \(tag.prefix(40)) are not taken")
        }
        return try plain(scalar.string)
    }

    /// Whether a scalar is a plain one without a tag.
    static func isPlain(_ scalar: Node.Scalar) -> Bool { scalar.tag.rawValue == Tag.Name.implicit.rawValue }

    /// Why a scalar is no value.
    struct Unclear: Error {
        let reason: String
    }

    static func plain(_ text: String) throws(Unclear) -> PolicyValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        let bytes = Array(text.utf8)
        let digits = bytes.first == 0x2B || bytes.first == 0x2D ? bytes.dropFirst() : bytes[...]
        guard let first = digits.first, isDigit(first) || first == UInt8(ascii: ".") else { return .text(text) }
        if digits.allSatisfy(isDigit) {
            guard digits.count == 1 || first != 0x30 else {
                throw Unclear(reason: "“\(text.prefix(40))” begins with 0: readers differ on what it is")
            }
            guard let value = Int64(text) else { throw Unclear(reason: "“\(text.prefix(40))” is over 64 bits") }
            return .integer(value)
        }
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) && text.count > 2 {
            let rest = text.dropFirst(2)
            guard rest.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }), let value = Int64(rest, radix: radix) else {
                continue
            }
            return .integer(value)
        }
        if [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(String(decoding: digits, as: UTF8.self)) {
            throw Unclear(reason: "“\(text)” is no finite number")
        }
        guard isDecimal(digits) else { return .text(text) }
        guard let value = Double(text), value.isFinite else {
            throw Unclear(reason: "“\(text.prefix(40))” is no finite number")
        }
        return .number(value == 0 ? 0 : value)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// Digits with a point, or an exponent, or both.
    private static func isDecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
        let whole = bytes.prefix(while: isDigit)
        var rest = bytes.dropFirst(whole.count)
        var fraction = 0
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit).count
            rest = rest.dropFirst(1 + fraction)
        }
        guard whole.count + fraction > 0 else { return false }
        guard let mark = rest.first else { return true }
        guard mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") else { return false }
        rest = rest.dropFirst()
        if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(isDigit)
    }
}
