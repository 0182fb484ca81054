/// The forms in which a secret is likely to be shown: as it is, and as programs write it who quote, escape or encode.
///
/// Texts are compared without blanks, line ends, zeros, quotes and backslashes, so that wrapping, quoting and UTF-16
/// make no other form.
struct SecretForms {
    /// Forms to look for, compact, none shorter than `FixedLimits.secretFormBytesMin`.
    private(set) var forms: Set<[UInt8]> = []
    /// Forms of base64, compact: the characters that the value alone decides.
    private(set) var base64Forms: Set<[UInt8]> = []
    /// Digits of hexadecimal forms, lower case.
    private(set) var hexForms: Set<[UInt8]> = []
    /// Values that are too short to be told from other text: a text that holds one is not shown at all.
    private(set) var short: Set<[UInt8]> = []

    /// The forms of these values. Each line of a value of several is one of its own.
    init(of secrets: [[UInt8]]) {
        for secret in secrets where !secret.isEmpty {
            add(secret)
            let lines = secret.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
            for line in lines where lines.count > 1 && SecretForms.compact(line).count >= 8 { add(Array(line)) }
            let trimmed = Array(secret.reversed().drop(while: SecretForms.isBlank).reversed())
            if trimmed.count != secret.count, !trimmed.isEmpty { add(trimmed) }
        }
    }

    private mutating func add(_ value: [UInt8]) {
        guard SecretForms.compact(value).count >= FixedLimits.secretFormBytesMin else {
            short.insert(value)
            return
        }
        hexForms.insert(SecretForms.hex(value))
        base64Forms.formUnion(SecretForms.base64(value).filter { $0.count >= FixedLimits.secretFormBytesMin })
        let all = [value] + SecretForms.escapes(value) + SecretForms.percent(value) + [SecretForms.html(value)]
        for form in all {
            let compact = SecretForms.compact(form)
            if compact.count >= FixedLimits.secretFormBytesMin { forms.insert(compact) }
        }
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Whether a byte does not count when texts are compared.
    static func isIgnored(_ byte: UInt8) -> Bool {
        isBlank(byte) || byte == 0 || byte == 0x22 || byte == 0x27 || byte == 0x5C
    }

    static func compact(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.filter { !isIgnored($0) } }

    /// The digit that a byte is in hexadecimal, in lower case; nil for any other byte.
    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39, 0x61...0x66: byte
        case 0x41...0x46: byte + 0x20
        default: nil
        }
    }

    /// Whether a byte is a character of base64, of either alphabet.
    static func isBase64(_ byte: UInt8) -> Bool {
        hexDigit(byte) != nil || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || [0x2B, 0x2F, 0x2D, 0x5F].contains(byte)
    }

    private static func hex(_ value: [UInt8]) -> [UInt8] { value.flatMap { digits($0, upper: false) } }

    private static func digits(_ byte: UInt8, upper: Bool) -> [UInt8] {
        let all = Array((upper ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
        return [all[Int(byte >> 4)], all[Int(byte & 15)]]
    }

    /// Base64, of both alphabets, of the value at each of three places in what was encoded: the characters that the
    /// value alone decides.
    private static func base64(_ value: [UInt8]) -> [[UInt8]] {
        let alphabets = ["+/", "-_"].map { end in
            Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\(end)".utf8)
        }
        return alphabets.flatMap { alphabet in
            (0..<3).map { lead in
                let bytes = [UInt8](repeating: 0, count: lead) + value
                let first = (lead * 8 + 5) / 6
                return (first..<max(first, bytes.count * 8 / 6)).map { place -> UInt8 in
                    let bit = place * 6
                    let high = UInt16(bytes[bit / 8]) << 8
                    let low = bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0
                    return alphabet[Int((high | low) >> UInt16(10 - bit % 8)) & 63]
                }
            }
        }
    }

    /// As JSON, as languages and shells write what is not printed.
    private static func escapes(_ value: [UInt8]) -> [[UInt8]] {
        var forms: [[UInt8]] = []
        let named: [UInt8: String] = [0x08: "b", 0x09: "t", 0x0A: "n", 0x0B: "v", 0x0C: "f", 0x0D: "r"]
        for upper in [false, true] {
            for isNarrow in [false, true] {
                forms.append(
                    Array(String(decoding: value, as: UTF8.self).utf16).flatMap { unit -> [UInt8] in
                        if let byte = UInt8(exactly: unit), let name = named[byte] { return Array(name.utf8) }
                        let isEscaped = isNarrow && [0x26, 0x3C, 0x3E, 0x27].contains(unit)
                        if (0x20...0x7E).contains(unit), !isEscaped { return [UInt8(unit)] }
                        let (high, low) = (UInt8(unit >> 8), UInt8(unit & 0xFF))
                        return [0x75] + digits(high, upper: upper) + digits(low, upper: upper)
                    })
            }
            forms.append(
                value.flatMap { byte -> [UInt8] in
                    if let name = named[byte] { return Array(name.utf8) }
                    return (0x20...0x7E).contains(byte) ? [byte] : [0x78] + digits(byte, upper: upper)
                })
        }
        forms.append(
            value.flatMap { byte -> [UInt8] in
                if let name = named[byte] { return Array(name.utf8) }
                guard !(0x20...0x7E).contains(byte) else { return [byte] }
                return [0x30 + (byte >> 6), 0x30 + ((byte >> 3) & 7), 0x30 + (byte & 7)]
            })
        return forms
    }

    /// As in addresses and forms.
    private static func percent(_ value: [UInt8]) -> [[UInt8]] {
        let always = Set("-._~".utf8)
        let often = Set("!*'();/?:@&=+$,#[]".utf8)
        func encode(upper: Bool, keeps: Set<UInt8>, plus: Bool) -> [UInt8] {
            value.flatMap { byte -> [UInt8] in
                let isPlain =
                    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || keeps.contains(byte)
                if isPlain { return [byte] }
                return plus && byte == 0x20 ? [0x2B] : [0x25] + digits(byte, upper: upper)
            }
        }
        return [true, false].flatMap { upper in
            [
                encode(upper: upper, keeps: always, plus: false), encode(upper: upper, keeps: always, plus: true),
                encode(upper: upper, keeps: always.union(often), plus: false),
                encode(upper: upper, keeps: always.union("/".utf8), plus: false),
                encode(upper: upper, keeps: always.union("!*'()".utf8), plus: false),
            ]
        }
    }

    private static func html(_ value: [UInt8]) -> [UInt8] {
        value.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x26: Array("&amp;".utf8)
            case 0x3C: Array("&lt;".utf8)
            case 0x3E: Array("&gt;".utf8)
            case 0x22: Array("&quot;".utf8)
            case 0x27: Array("&#39;".utf8)
            default: [byte]
            }
        }
    }
}
