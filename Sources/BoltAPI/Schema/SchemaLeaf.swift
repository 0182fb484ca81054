public import CRDT
public import Spanner

/// A value that is one JSON value: what a schema says of it, and one example, from which larger examples are built.
public protocol SchemaLeaf: Codable, Sendable {
    /// JSON Schema 2020-12.
    static var schema: [String: JSONValue] { get }
    /// A value of which `schema` is true. Nil would be our own bug; it is reported, not trapped.
    static var example: Self? { get }
}

/// A text with a pattern.
public protocol SchemaText: SchemaLeaf, TextCodable {
    /// A regular expression of the whole text.
    static var pattern: String { get }
    /// The text of the example.
    static var exampleText: String { get }
}

extension SchemaText {
    /// A text with that pattern.
    public static var schema: [String: JSONValue] { ["type": .string("string"), "pattern": .string(pattern)] }
    /// The value of `exampleText`.
    public static var example: Self? { Self(apiText: exampleText) }
}

/// One of a list of words.
public protocol SchemaWord: SchemaLeaf, CaseIterable, RawRepresentable<String> {}

extension SchemaWord {
    /// All the words.
    public static var schema: [String: JSONValue] {
        ["type": .string("string"), "enum": .array(allCases.map { .string($0.rawValue) })]
    }
    /// The first.
    public static var example: Self? { allCases.first }
}

// MARK: What Swift has

extension String: SchemaLeaf {
    /// Any text.
    public static var schema: [String: JSONValue] { ["type": .string("string")] }
    /// A text.
    public static var example: String? { "text" }
}

extension Bool: SchemaLeaf {
    /// True or false.
    public static var schema: [String: JSONValue] { ["type": .string("boolean")] }
    /// True.
    public static var example: Bool? { true }
}

extension Double: SchemaLeaf {
    /// Any number.
    public static var schema: [String: JSONValue] { ["type": .string("number")] }
    /// A number with a fraction.
    public static var example: Double? { 1.5 }
}

extension Int: SchemaLeaf {
    /// A whole number.
    public static var schema: [String: JSONValue] { ["type": .string("integer")] }
    /// One.
    public static var example: Int? { 1 }
}

extension UInt32: SchemaLeaf {
    /// A whole number from 0 to the type's greatest.
    public static var schema: [String: JSONValue] {
        ["type": .string("integer"), "minimum": .integer(0), "maximum": .integer(Int64(UInt32.max))]
    }
    /// One.
    public static var example: UInt32? { 1 }
}

extension UInt64: SchemaLeaf {
    /// A whole number from 0.
    public static var schema: [String: JSONValue] { ["type": .string("integer"), "minimum": .integer(0)] }
    /// One.
    public static var example: UInt64? { 1 }
}

// MARK: What the mesh has

fileprivate enum Patterns {
    static let hex32 = "^[0-9a-f]{32}$"
    static let hex64 = "^[0-9a-f]{64}$"
    static let replica = "^[0-9a-f]{64}:[0-9a-f]{16}$"
    static let dot = "^[0-9a-f]{64}:[0-9a-f]{16}:[1-9][0-9]{0,14}$"
    static let label = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
    static let stableName: [String: JSONValue] = [
        "type": .string("string"), "pattern": .string("^[a-z][a-z0-9_]*$"),
    ]
    static let host = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
}

fileprivate enum Examples {
    static let hex32 = String(repeating: "0c", count: 16)
    static let hex64 = String(repeating: "a1", count: 32)
    static let replica = "\(hex64):00000000000000ff"
}

/// 256 bits as 64 hexadecimal digits.
public protocol SchemaHex64: SchemaText {}

extension SchemaHex64 {
    /// 64 hexadecimal digits.
    public static var pattern: String { Patterns.hex64 }
    /// Such digits.
    public static var exampleText: String { Examples.hex64 }
}

extension Bytes32: SchemaHex64 {}
extension KeyFingerprint: SchemaHex64 {}
extension VerificationKey: SchemaHex64 {}
extension MeshID: SchemaHex64 {}

/// 128 bits as 32 hexadecimal digits.
public protocol SchemaHex32: SchemaText {}

extension SchemaHex32 {
    /// 32 hexadecimal digits.
    public static var pattern: String { Patterns.hex32 }
    /// Such digits.
    public static var exampleText: String { Examples.hex32 }
}

extension PrincipalID: SchemaHex32 {}
extension TokenID: SchemaHex32 {}
extension QueueIncarnation: SchemaHex32 {}

/// One DNS label.
public protocol SchemaLabel: SchemaText {}

extension SchemaLabel {
    /// One DNS label.
    public static var pattern: String { Patterns.label }
}

extension ReplicaID: SchemaText {
    /// Key and incarnation.
    public static var pattern: String { Patterns.replica }
    /// A replica.
    public static var exampleText: String { Examples.replica }
}

extension Dot: SchemaText {
    /// Key, incarnation and counter.
    public static var pattern: String { Patterns.dot }
    /// A dot.
    public static var exampleText: String { "\(Examples.replica):7" }
}

extension BoltName: SchemaLabel {
    /// A name.
    public static var exampleText: String { "a" }
}

extension PartitionName: SchemaLabel {
    /// A name.
    public static var exampleText: String { "north" }
}

extension GroupName: SchemaLabel {
    /// A name.
    public static var exampleText: String { "web" }
}

extension PrincipalName: SchemaText {
    /// A lower-case host name.
    public static var pattern: String { Patterns.host }
    /// A name.
    public static var exampleText: String { "web-1.example" }
}

extension AckLevel: SchemaText {
    /// The level's word.
    public static var pattern: String { "^(custody|local|paired|spread\\([1-9][0-9]{0,3}\\))$" }
    /// Two bolts.
    public static var exampleText: String { "spread(2)" }
}

extension PrincipalRole: SchemaLeaf {
    /// The roles' words.
    public static var schema: [String: JSONValue] {
        ["type": .string("string"), "enum": .array(allCases.map { .string($0.apiText) })]
    }
    /// An envoy.
    public static var example: PrincipalRole? { .envoy }
}

extension WallTime: SchemaLeaf {
    /// Milliseconds since 1970.
    public static var schema: [String: JSONValue] {
        UInt64.schema.merging(["description": .string("Milliseconds since 1970-01-01T00:00Z.")]) { $1 }
    }
    /// An instant.
    public static var example: WallTime? { WallTime(milliseconds: 1_800_000_000_000) }
}

extension Base64Bytes: SchemaLeaf {
    /// Padded base64.
    public static var schema: [String: JSONValue] {
        [
            "type": .string("string"), "pattern": .string("^[A-Za-z0-9+/]*={0,2}$"),
            "description": .string("Bytes in padded base64 (RFC 4648)."),
        ]
    }
    /// Three bytes.
    public static var example: Base64Bytes? { Base64Bytes([1, 2, 255]) }
}

extension JSONValue: SchemaLeaf {
    /// Anything.
    public static var schema: [String: JSONValue] { [:] }
    /// A number.
    public static var example: JSONValue? { .integer(8) }
}

extension Problem.Code: SchemaLeaf {
    /// A stable name.
    public static var schema: [String: JSONValue] { Patterns.stableName }
    /// Nothing found.
    public static var example: Problem.Code? { .notFound }
}

extension BoltView.Reach: SchemaWord {}
extension StandingWord: SchemaWord {}
extension HealthResponse.State: SchemaWord {}
extension StatusResponse.Verdict: SchemaWord {}
extension Alarm.Severity: SchemaWord {}
extension TokenKind: SchemaWord {}
extension ReceiptResponse.Line.State: SchemaWord {}
