/// Writes values in their one canonical form: equal values give equal bytes.
///
/// Integers are LEB128 without padding, byte strings carry their length, collections their count and are written in
/// sorted order by the caller. There is no floating point and no optional field that can be written in two ways.
public struct CanonicalEncoder: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []

    /// An empty encoder; `capacity` bytes are reserved.
    public init(capacity: Int = 64) {
        bytes.reserveCapacity(capacity)
    }

    /// One byte, as it is.
    public mutating func byte(_ value: UInt8) { bytes.append(value) }

    /// An unsigned integer in LEB128: 1 byte below 128, 10 at most.
    public mutating func integer(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A count or length; must not be negative.
    public mutating func count(_ value: Int) { integer(UInt64(value)) }

    /// A truth value as one byte, 0 or 1.
    public mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// A byte string with its length in front. What is most of all that is ever written has no generics in its way.
    public mutating func string(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    /// A byte string with its length in front.
    public mutating func string(_ value: some Collection<UInt8>) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    /// A text as UTF-8 with its length in front.
    public mutating func text(_ value: String) { string(value.utf8) }

    /// Bytes with no length in front: only where the reader knows the length.
    public mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }

    /// Bytes with no length in front: only where the reader knows the length.
    public mutating func raw(_ value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

    /// 32 bytes.
    public mutating func fixed(_ value: Bytes32) { value.append(to: &bytes) }

    /// An optional value: one byte that says whether it is there, then the value.
    public mutating func optional<Value>(_ value: Value?, _ write: (inout CanonicalEncoder, Value) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    /// A list with its count in front.
    public mutating func list<Value>(_ values: [Value], _ write: (inout CanonicalEncoder, Value) -> Void) {
        count(values.count)
        for value in values { write(&self, value) }
    }

    /// A sequence with its count in front, in the order given.
    public mutating func list<Values: Collection>(
        _ values: Values, _ write: (inout CanonicalEncoder, Values.Element) -> Void
    ) {
        count(values.count)
        for value in values { write(&self, value) }
    }
}
