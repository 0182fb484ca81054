public import CRDT
public import Spanner

/// A value that stands in JSON as one text with one canonical form.
public protocol TextCodable: Codable {
    /// A value from its text; nil for any other text.
    init?(apiText: String)
    /// The one text of the value.
    var apiText: String { get }
    /// What to call it where a text is refused.
    static var apiKind: String { get }
}

extension TextCodable {
    /// Reads one text; fails with `DecodingError.dataCorrupted`, which names the kind but not the text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Self(apiText: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not \(Self.apiKind)")
        }
        self = value
    }

    /// Writes one text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(apiText)
    }
}

extension Bytes32: TextCodable {
    /// From 64 hexadecimal digits.
    public init?(apiText: String) { self.init(hex: apiText) }
    /// 64 hexadecimal digits.
    public var apiText: String { hex }
    /// For errors.
    public static var apiKind: String { "64 hexadecimal digits" }
}

extension KeyFingerprint: TextCodable {
    /// From 64 hexadecimal digits.
    public init?(apiText: String) {
        guard let bytes = Bytes32(hex: apiText) else { return nil }
        self.init(bytes)
    }
    /// 64 hexadecimal digits.
    public var apiText: String { bytes.hex }
    /// For errors.
    public static var apiKind: String { "a key fingerprint of 64 hexadecimal digits" }
}

extension VerificationKey: TextCodable {
    /// From 64 hexadecimal digits.
    public init?(apiText: String) {
        guard let bytes = Bytes32(hex: apiText) else { return nil }
        self.init(bytes)
    }
    /// 64 hexadecimal digits.
    public var apiText: String { bytes.hex }
    /// For errors.
    public static var apiKind: String { "a verification key of 64 hexadecimal digits" }
}

extension MeshID: TextCodable {
    /// From 64 hexadecimal digits.
    public init?(apiText: String) {
        guard let bytes = Bytes32(hex: apiText) else { return nil }
        self.init(bytes)
    }
    /// 64 hexadecimal digits.
    public var apiText: String { bytes.hex }
    /// For errors.
    public static var apiKind: String { "a mesh id of 64 hexadecimal digits" }
}

extension PrincipalID: TextCodable {
    /// From 32 hexadecimal digits.
    public init?(apiText: String) { self.init(hex: apiText) }
    /// 32 hexadecimal digits.
    public var apiText: String { description }
    /// For errors.
    public static var apiKind: String { "an id of 32 hexadecimal digits" }
}

extension TokenID: TextCodable {
    /// From 32 hexadecimal digits.
    public init?(apiText: String) {
        guard let id = PrincipalID(hex: apiText) else { return nil }
        self.init(id)
    }
    /// 32 hexadecimal digits.
    public var apiText: String { description }
    /// For errors.
    public static var apiKind: String { "a token id of 32 hexadecimal digits" }
}

extension ReplicaID: TextCodable {
    /// From 64 hexadecimal digits of key, a colon, 16 of incarnation.
    public init?(apiText: String) {
        let parts = apiText.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Bytes32(hex: parts[0]), parts[1].utf8.count == 16,
            let bytes = [UInt8](hexDigits: parts[1])
        else { return nil }
        self.init(key: key, incarnation: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
    /// Key, colon, incarnation, in hexadecimal.
    public var apiText: String { "\(key.hex):\(QueueIncarnation.hexDigits(incarnation))" }
    /// For errors.
    public static var apiKind: String { "a replica id: 64 hexadecimal digits, a colon, 16 more" }
}

extension Dot: TextCodable {
    /// From a replica id, a colon and the counter in decimal, within `1...Dot.counterMax`.
    public init?(apiText: String) {
        guard let colon = apiText.lastIndex(of: ":"), let replica = ReplicaID(apiText: String(apiText[..<colon])),
            let counter = UInt64(apiText[apiText.index(after: colon)...]), (1...Dot.counterMax).contains(counter)
        else { return nil }
        self.init(replica, counter)
    }
    /// Replica id, colon, counter.
    public var apiText: String { "\(replica.apiText):\(counter)" }
    /// For errors.
    public static var apiKind: String { "a dot: replica key, incarnation and counter, joined by colons" }
}

extension BoltName: TextCodable {
    /// From one DNS label.
    public init?(apiText: String) { self.init(apiText) }
    /// The name.
    public var apiText: String { text }
    /// For errors.
    public static var apiKind: String { "a bolt's name (a lower-case DNS label)" }
}

extension PartitionName: TextCodable {
    /// From one DNS label.
    public init?(apiText: String) { self.init(apiText) }
    /// The name.
    public var apiText: String { text }
    /// For errors.
    public static var apiKind: String { "a partition's name (a lower-case DNS label)" }
}

extension GroupName: TextCodable {
    /// From one DNS label.
    public init?(apiText: String) { self.init(apiText) }
    /// The name.
    public var apiText: String { text }
    /// For errors.
    public static var apiKind: String { "a group's name (a lower-case DNS label)" }
}

extension OperatorName: TextCodable {
    /// From one DNS label.
    public init?(apiText: String) { self.init(apiText) }
    /// The name.
    public var apiText: String { text }
    /// For errors.
    public static var apiKind: String { "an operator's name (a lower-case DNS label)" }
}

extension PrincipalName: TextCodable {
    /// From a lower-case host name.
    public init?(apiText: String) { self.init(apiText) }
    /// The name.
    public var apiText: String { text }
    /// For errors.
    public static var apiKind: String { "a lower-case host name" }
}

extension PrincipalRole: TextCodable {
    /// From `bolt`, `envoy` or `operator`.
    public init?(apiText: String) {
        guard let role = PrincipalRole.allCases.first(where: { $0.apiText == apiText }) else { return nil }
        self = role
    }
    /// The role's word.
    public var apiText: String {
        switch self {
        case .bolt: "bolt"
        case .envoy: "envoy"
        case .operator: "operator"
        }
    }
    /// For errors.
    public static var apiKind: String { "a role: bolt, envoy or operator" }

    // Written out, because an enumeration with raw values has a Codable of its own, which would be by number.
    /// Reads the role's word.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let role = Self(apiText: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not \(Self.apiKind)")
        }
        self = role
    }

    /// Writes the role's word.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(apiText)
    }
}

extension WallTime: Codable {
    /// From whole milliseconds since 1970.
    public init(from decoder: any Decoder) throws {
        self.init(milliseconds: try decoder.singleValueContainer().decode(UInt64.self))
    }
    /// Whole milliseconds since 1970.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}
