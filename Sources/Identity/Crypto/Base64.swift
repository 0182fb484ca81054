/// Base64 text (RFC 4648), in the standard and the URL alphabet.
public enum Base64 {
    /// URL alphabet, no padding.
    public static func encodeURL(_ bytes: [UInt8]) -> String {
        String(decoding: encode(bytes, alphabet: urlAlphabet, padded: false), as: UTF8.self)
    }

    /// The bytes of unpadded text in the URL alphabet.
    ///
    /// Nil for any other character, an impossible length, or leftover bits that are not zero: one byte string has
    /// exactly one text.
    public static func decodeURL(_ text: some Collection<UInt8>) -> [UInt8]? {
        decode(text, with: urlValues)
    }

    /// Standard alphabet, padded.
    static func encodeStandard(_ bytes: [UInt8]) -> [UInt8] {
        encode(bytes, alphabet: standardAlphabet, padded: true)
    }

    /// The bytes of padded text in the standard alphabet.
    static func decodeStandard(_ text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        return decode(text.dropLast(padding), with: standardValues)
    }

    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let urlAlphabet = letters + Array("-_".utf8)
    private static let standardAlphabet = letters + Array("+/".utf8)
    private static let urlValues = values(of: urlAlphabet)
    private static let standardValues = values(of: standardAlphabet)
    private static let invalid: UInt8 = 255

    private static func values(of alphabet: [UInt8]) -> [UInt8] {
        var values = [UInt8](repeating: invalid, count: 256)
        for (index, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(truncatingIfNeeded: index) }
        return values
    }

    private static func encode(_ bytes: [UInt8], alphabet: [UInt8], padded: Bool) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var start = 0
        while start < bytes.count {
            let count = min(3, bytes.count - start)
            var group: UInt32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0)
            }
            for place in 0...count {
                text.append(alphabet[Int(group >> UInt32(18 - 6 * place) & 63)])
            }
            if padded { text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - count)) }
            start += 3
        }
        return text
    }

    private static func decode(_ text: some Collection<UInt8>, with values: [UInt8]) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var count = 0
        for letter in text {
            let value = values[Int(letter)]
            guard value != invalid else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        guard bits & ((1 << UInt32(count)) - 1) == 0 else { return nil }
        return bytes
    }
}
