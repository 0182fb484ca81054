/// Finds the record of a key in an array that holds the keys itself: four bytes a slot, no copy of the key.
///
/// Open addressing with linear probing, at most two thirds full. Nothing is ever taken out.
struct IndexTable: Sendable {
    private var slots: [UInt32] = []
    private var used = 0

    /// The record with this hash for which `matches` holds; nil where there is none.
    func find(_ hash: UInt64, _ matches: (Int) -> Bool) -> Int? {
        guard !slots.isEmpty else { return nil }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while slots[place] != 0 {
            let record = Int(slots[place] - 1)
            if matches(record) { return record }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Puts `record` where `find` finds it, in place of the one that matches: returned, so that it can be chained.
    mutating func insert(
        _ record: Int, _ hash: UInt64, matches: (Int) -> Bool, hashOf: (Int) -> UInt64
    ) -> Int? {
        if (used + 1) * 3 > slots.count * 2 { grow(hashOf: hashOf) }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while slots[place] != 0 {
            let known = Int(slots[place] - 1)
            if matches(known) {
                slots[place] = UInt32(record) + 1
                return known
            }
            place = (place + 1) & mask
        }
        slots[place] = UInt32(record) + 1
        used += 1
        return nil
    }

    private mutating func grow(hashOf: (Int) -> UInt64) {
        let old = slots
        slots = [UInt32](repeating: 0, count: max(16, old.count * 2))
        let mask = slots.count - 1
        for slot in old where slot != 0 {
            var place = Int(truncatingIfNeeded: hashOf(Int(slot - 1))) & mask
            while slots[place] != 0 { place = (place + 1) & mask }
            slots[place] = slot
        }
    }
}

/// Fixed 64-bit mixing for tables in memory. Its values are never seen outside.
enum TableHash {
    static func mix(_ value: UInt64) -> UInt64 {
        var z = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    static func bytes(_ bytes: some Sequence<UInt8>) -> UInt64 {
        mix(bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 })
    }
}
