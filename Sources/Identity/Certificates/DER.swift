/// Writes the few DER structures (X.690) that our certificate extensions are made of.
enum DER {
    static func sequence(_ parts: [[UInt8]]) -> [UInt8] { tagged(0x30, parts.flatMap(\.self)) }

    static func boolean(_ value: Bool) -> [UInt8] { tagged(0x01, [value ? 0xFF : 0x00]) }

    /// 0...127 only: path lengths.
    static func smallInteger(_ value: UInt8) -> [UInt8] { tagged(0x02, [value & 0x7F]) }

    static func octets(_ bytes: [UInt8]) -> [UInt8] { tagged(0x04, bytes) }

    /// A BIT STRING of named bits within the first byte, most significant bit first, trailing zeros removed.
    static func namedBits(_ byte: UInt8) -> [UInt8] {
        byte == 0 ? tagged(0x03, [0]) : tagged(0x03, [UInt8(byte.trailingZeroBitCount), byte])
    }

    /// Any tag with a primitive or constructed content of at most 65,535 bytes.
    static func tagged(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        precondition(content.count <= 0xFFFF, "an extension of \(content.count) bytes")
        let count = UInt16(content.count)
        let low = UInt8(truncatingIfNeeded: count)
        let high = UInt8(truncatingIfNeeded: count >> 8)
        let length: [UInt8] = count < 128 ? [low] : count < 256 ? [0x81, low] : [0x82, high, low]
        return [tag] + length + content
    }
}
