/// A name that people give to things of the mesh: checked once, when it is made.
///
/// Lower-case letters, digits and hyphens, 1 to 63 characters, no hyphen at either end: one DNS label, so that it can
/// stand in a URI, a file name, a metric label and a host name without being escaped.
public protocol MeshName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The checked text.
    var text: String { get }
    /// Keeps a text that was checked.
    init(checked: String)
}

extension MeshName {
    /// A name from text; nil where the text is no DNS label in lower case.
    public init?(_ text: some StringProtocol) {
        guard MeshNames.isLabel(text) else { return nil }
        self.init(checked: String(text))
    }

    /// By the text's bytes.
    public static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

    /// The text.
    public var description: String { text }
}

/// The rules for names, shared by all kinds of them.
public enum MeshNames {
    /// Longest label, in bytes.
    public static let labelBytesMax = 63
    /// Longest host-like name, in bytes.
    public static let hostBytesMax = 253

    /// Whether `text` is one lower-case DNS label.
    public static func isLabel(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...labelBytesMax).contains(bytes.count), bytes.first != 0x2D, bytes.last != 0x2D else { return false }
        return bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    /// Whether `text` is one or more lower-case DNS labels joined by dots.
    public static func isHost(_ text: some StringProtocol) -> Bool {
        let count = text.utf8.count
        guard (1...hostBytesMax).contains(count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }
}

/// Name of a bolt, unique in its partition.
public struct BoltName: MeshName {
    /// The checked text.
    public let text: String
    /// Keeps a text that was checked.
    public init(checked: String) { text = checked }
}

/// Name of a partition, unique in the mesh.
public struct PartitionName: MeshName {
    /// The checked text.
    public let text: String
    /// Keeps a text that was checked.
    public init(checked: String) { text = checked }
}

/// Name of a group of the fleet, unique in the mesh.
public struct GroupName: MeshName {
    /// The checked text.
    public let text: String
    /// Keeps a text that was checked.
    public init(checked: String) { text = checked }
}

/// Name of an operator.
public struct OperatorName: MeshName {
    /// The checked text.
    public let text: String
    /// Keeps a text that was checked.
    public init(checked: String) { text = checked }
}

/// Label by which a principal is known to people: a host name. Not unique by itself; the roster shows contests.
public struct PrincipalName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// One or more DNS labels joined by dots, lower case.
    public let text: String

    /// A name from text; nil where it is no lower-case host name.
    public init?(_ text: some StringProtocol) {
        guard MeshNames.isHost(text) else { return nil }
        self.text = String(text)
    }

    /// Keeps a text that was checked when it came in.
    init(checked: String) { text = checked }

    /// By the text's bytes.
    public static func < (left: PrincipalName, right: PrincipalName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// The text.
    public var description: String { text }
}
