/// Gives every shape an example of what it asks for, and notes what that was.
struct SchemaDecoder: Decoder {
    let record = SchemaRecord()
    let catalogue: SchemaCatalogue
    private let what: String
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    init(of what: String, in catalogue: SchemaCatalogue) { (self.what, self.catalogue) = (what, catalogue) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(SchemaFields<Key>(decoder: self))
    }

    func unkeyedContainer() -> any UnkeyedDecodingContainer { SchemaItems(decoder: self) }

    /// A shape that decodes itself from one value has to say what that is: as a `SchemaLeaf`.
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw refusal }

    var refusal: SchemaCatalogue.Unknown { .init(description: "\(what) is no SchemaLeaf, and not made of such") }
}

/// The fields of an object, or the values of a map.
private struct SchemaFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: SchemaDecoder
    var codingPath: [any CodingKey] { [] }

    /// Only a map asks which keys there are: it gets one.
    var allKeys: [Key] {
        decoder.record.kind = .map(.object([:]))
        return ["key"].compactMap { Key(stringValue: $0) }
    }

    func contains(_ key: Key) -> Bool { true }

    /// Only a field that may be missing is looked at before it is read.
    func decodeNil(forKey key: Key) -> Bool {
        decoder.record.mayMiss(key.stringValue)
        return false
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let (schema, example) = try decoder.catalogue.read(type)
        decoder.record.property(key.stringValue, schema)
        return example
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { throw decoder.refusal }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw decoder.refusal }
    func superDecoder() throws -> any Decoder { throw decoder.refusal }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw decoder.refusal }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try field(type, key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try field(type, key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try field(type, key) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try field(type, key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try field(type, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try field(type, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try field(type, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try field(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try field(type, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try field(type, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try field(type, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try field(type, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try field(type, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try field(type, key) }

    /// One way for all types: those that are no `SchemaLeaf` are refused with their name.
    private func field<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value {
        let (schema, example) = try decoder.catalogue.read(type)
        decoder.record.property(key.stringValue, schema)
        return example
    }
}

/// The items of a list: one of them.
private struct SchemaItems: UnkeyedDecodingContainer {
    let decoder: SchemaDecoder
    var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { 1 }
    var isAtEnd: Bool { currentIndex > 0 }

    init(decoder: SchemaDecoder) { self.decoder = decoder }

    mutating func decodeNil() -> Bool { false }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try item(type) }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { throw decoder.refusal }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { throw decoder.refusal }
    mutating func superDecoder() throws -> any Decoder { throw decoder.refusal }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try item(type) }
    mutating func decode(_ type: String.Type) throws -> String { try item(type) }
    mutating func decode(_ type: Double.Type) throws -> Double { try item(type) }
    mutating func decode(_ type: Float.Type) throws -> Float { try item(type) }
    mutating func decode(_ type: Int.Type) throws -> Int { try item(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try item(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try item(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try item(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try item(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try item(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try item(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try item(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try item(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try item(type) }

    private mutating func item<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let (schema, example) = try decoder.catalogue.read(type)
        decoder.record.kind = .list(schema)
        currentIndex += 1
        return example
    }
}
