/// CRC-64/XZ over stored rows: finds bit rot before a row is served (D4). No defence against an attacker, whom the hash
/// chain and the signatures stop.
///
/// Slices of eight, after Kounavis and Berry (2005). Detects every burst of up to 64 bits.
enum Checksum {
    private static let polynomial: UInt64 = 0xC96C_5795_D787_0F42

    /// Eight tables of 256 entries, one after the other.
    private static let tables: [UInt64] = {
        var tables = [UInt64](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt64(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            tables[index] = value
        }
        for slice in 1..<8 {
            for index in 0..<256 {
                let previous = tables[(slice - 1) * 256 + index]
                tables[slice * 256 + index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
            }
        }
        return tables
    }()

    /// The checksum of `bytes`.
    static func of(_ bytes: [UInt8]) -> UInt64 {
        tables.withUnsafeBufferPointer { tables in
            bytes.withUnsafeBytes { ~update(~0, $0, tables) }
        }
    }

    /// The checksum of a row as its column holds it: over the place, so that a row that was moved is found, then the
    /// content.
    static func row(_ owner: Int64, _ place: UInt64, _ content: [UInt8]) -> Int64 {
        let sum = tables.withUnsafeBufferPointer { tables in
            var state: UInt64 = ~0
            for word in [UInt64(bitPattern: owner), place] {
                withUnsafeBytes(of: word.littleEndian) { state = update(state, $0, tables) }
            }
            return content.withUnsafeBytes { ~update(state, $0, tables) }
        }
        return Int64(bitPattern: sum)
    }

    private static func update(
        _ start: UInt64, _ bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        var state = start
        var position = 0
        while bytes.count - position >= 8 {
            state ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            var next: UInt64 = 0
            for slice in 0..<8 {
                next ^= tables[(7 - slice) * 256 + Int(truncatingIfNeeded: state >> UInt64(8 * slice) & 0xFF)]
            }
            state = next
            position += 8
        }
        while position < bytes.count {
            state = state >> 8 ^ tables[Int(truncatingIfNeeded: (state ^ UInt64(bytes[position])) & 0xFF)]
            position += 1
        }
        return state
    }
}
