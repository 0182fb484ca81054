internal import CRDT

extension PolicyValue {
    /// Appends the one encoding: a byte for the kind, then the value; names of an object by their bytes.
    func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .null: encoder.byte(0)
        case .bool(let value):
            encoder.byte(1)
            encoder.flag(value)
        case .integer(let value):
            encoder.byte(2)
            encoder.integer(UInt64(bitPattern: value << 1 ^ value >> 63))
        case .number(let value):
            encoder.byte(3)
            encoder.number(value)
        case .text(let value):
            encoder.byte(4)
            encoder.text(value)
        case .list(let values):
            encoder.byte(5)
            encoder.list(values) { $1.encode(to: &$0) }
        case .object(let entries):
            encoder.byte(6)
            PolicyValue.encode(entries, to: &encoder)
        }
    }

    /// Appends an object's entries by the bytes of their names.
    static func encode(_ entries: [String: PolicyValue], to encoder: inout CanonicalEncoder) {
        let sorted = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        encoder.list(sorted) { inner, entry in
            inner.text(entry.key)
            entry.value.encode(to: &inner)
        }
    }

    /// Reads a value at most `depth` levels deep.
    init(from decoder: inout CanonicalDecoder, depth: Int) throws(DecodingFailure) {
        guard depth > 0 else { throw .overLimit(what: "depth", value: 0, limit: PolicyStackLimits.valueDepthMax) }
        switch try decoder.byte() {
        case 0: self = .null
        case 1: self = .bool(try decoder.flag())
        case 2:
            let folded = try decoder.integer()
            self = .integer(Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1))
        case 3: self = .number(try decoder.number())
        case 4: self = .text(try decoder.text("text", limit: PolicyStackLimits.bodyBytesMax))
        case 5:
            self = .list(
                try decoder.list("list", limit: PolicyStackLimits.valuesMax) {
                    (inner) throws(DecodingFailure) in try PolicyValue(from: &inner, depth: depth - 1)
                })
        case 6: self = .object(try PolicyValue.entries(from: &decoder, depth: depth - 1))
        default: throw .invalid(what: "kind of value")
        }
    }

    /// Reads an object's entries.
    static func entries(
        from decoder: inout CanonicalDecoder, depth: Int
    ) throws(DecodingFailure) -> [String: PolicyValue] {
        let total = try decoder.count("object", limit: PolicyStackLimits.valuesMax)
        var entries: [String: PolicyValue] = [:]
        for _ in 0..<total {
            let name = try decoder.text("name", limit: PolicyStackLimits.bodyBytesMax)
            let value = try PolicyValue(from: &decoder, depth: depth)
            guard entries.updateValue(value, forKey: name) == nil else { throw .notCanonical(what: "object") }
        }
        return entries
    }
}

extension CanonicalEncoder {
    /// A finite number as the eight bytes of its bits; there is one zero.
    mutating func number(_ value: Double) {
        withUnsafeBytes(of: (value == 0 ? 0.0 : value).bitPattern.bigEndian) { raw(Array($0)) }
    }
}

extension CanonicalDecoder {
    /// A finite number.
    mutating func number() throws(DecodingFailure) -> Double {
        let value = Double(bitPattern: try raw(8).reduce(0) { $0 << 8 | UInt64($1) })
        guard value.isFinite, !(value == 0 && value.sign == .minus) else { throw .notCanonical(what: "number") }
        return value
    }
}
