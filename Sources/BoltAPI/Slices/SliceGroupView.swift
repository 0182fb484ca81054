public import CRDT
public import Spanner

/// A group as it was created: how many slices it has is fixed from then on.
public struct SliceGroupView: Hashable, Sendable, Codable {
    /// Its name.
    public var name: GroupName
    /// Which group of that name: a hash of the apply that created it and the name.
    public var id: GroupID
    /// How many slices it has.
    public var slices: UInt32
    /// The apply that created it.
    public var apply: Bytes32
    /// Envoys in it, as far as the owners say; nil where none has said so.
    public var envoys: UInt64?
    /// Other definitions of the same name, made on the other side of a network split: their envoys are to be moved.
    public var displaced: [GroupID]

    /// A group.
    public init(
        name: GroupName, id: GroupID, slices: UInt32, apply: Bytes32, envoys: UInt64?, displaced: [GroupID]
    ) {
        (self.name, self.id, self.slices, self.apply) = (name, id, slices, apply)
        (self.envoys, self.displaced) = (envoys, displaced)
    }
}

extension GroupID: TextCodable {
    /// From 64 hexadecimal digits.
    public init?(apiText: String) {
        guard let bytes = Bytes32(hex: apiText) else { return nil }
        self.init(bytes)
    }
    /// 64 hexadecimal digits.
    public var apiText: String { bytes.hex }
    /// For errors.
    public static var apiKind: String { "a group's id of 64 hexadecimal digits" }
}
