internal import CRDT
public import Spanner

extension OperationID: TextCodable {
    /// From 32 hexadecimal digits.
    public init?(apiText: String) {
        guard let id = PrincipalID(hex: apiText) else { return nil }
        self.init(id)
    }
    /// 32 hexadecimal digits.
    public var apiText: String { description }
    /// For errors.
    public static var apiKind: String { "an operation's id of 32 hexadecimal digits" }
}

extension PartitionEpoch: TextCodable {
    /// From `NUMBER.RENEWAL@MINTER`, the minter as a replica id.
    public init?(apiText: String) {
        let halves = apiText.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, let minter = ReplicaID(apiText: String(halves[1])) else { return nil }
        let numbers = halves[0].split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 2, let number = UInt64(canonical: numbers[0]),
            let renewal = UInt64(canonical: numbers[1])
        else { return nil }
        self.init(number: number, minter: minter, renewal: renewal)
    }
    /// Number, renewal and minter: all that tells one epoch from another.
    public var apiText: String { "\(number).\(renewal)@\(minter.apiText)" }
    /// For errors.
    public static var apiKind: String { "an epoch: number, dot, renewal, @ and the minter's replica id" }
    /// For people: the number, with the renewal where there is one.
    public var shortText: String { renewal == 0 ? "\(number)" : "\(number).\(renewal)" }
}

extension LogPoint: TextCodable {
    /// From `EPOCH:POSITION:HASH`, the epoch in full.
    public init?(apiText: String) {
        let parts = apiText.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 4, let epoch = PartitionEpoch(apiText: parts[0] + ":" + parts[1]),
            let position = UInt64(canonical: parts[2]), let hash = Bytes32(hex: String(parts[3]))
        else { return nil }
        self.init(epoch: epoch, position: position, hash: hash)
    }
    /// Epoch, position and hash.
    public var apiText: String { "\(epoch.apiText):\(position):\(hash.hex)" }
    /// For errors.
    public static var apiKind: String { "a place in a journal: epoch, position and 64 hexadecimal digits" }
    /// For people, and for `--expect`: the epoch's number, the position, and the start of the hash.
    public var shortText: String { "\(epoch.shortText):\(position):\(hash.hex.prefix(LogPoint.shortDigits))" }
    /// Digits of the hash that the short text has.
    public static let shortDigits = 16
}

extension UInt64 {
    /// A number in decimal as it is written here: no sign, no leading zeros.
    init?(canonical text: Substring) {
        guard let value = UInt64(text), "\(value)" == text else { return nil }
        self = value
    }
}
