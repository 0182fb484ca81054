/// Which resource: its type and its name, as in `file:/etc/motd`. Checked once, when it is made.
///
/// A type is a word of lower-case letters, digits and hyphens that begins with a letter, 32 bytes at most. The name of
/// a path type is an absolute, normalised path; any other is one line of text. Together 1,024 bytes at most.
///
/// Two are equal where their bytes are: names that only Unicode takes for the same are two resources, as on Linux.
public struct ResourceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The type.
    public let type: String
    /// The name.
    public let name: String

    /// Longest type.
    public static let typeBytesMax = 32
    /// The types whose names are paths. One path is one thing: of two of them with one path, the later one counts.
    public static let pathTypes = ["absent", "directory", "file", "link"]

    /// An id; nil where the type or the name is none.
    public init?(type: String, name: String) {
        guard Self.isType(type), !name.isEmpty,
            type.utf8.count + 1 + name.utf8.count <= PolicyStackLimits.resourceIDBytesMax,
            Self.pathTypes.contains(type) ? MachinePath.isNormal(name) : Self.isLine(name)
        else { return nil }
        (self.type, self.name) = (type, name)
    }

    /// An id from `type:name`; nil where it is none.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        self.init(type: String(text[..<colon]), name: String(text[text.utf8.index(after: colon)...]))
    }

    /// `type:name`.
    public var text: String { "\(type):\(name)" }

    /// The text.
    public var description: String { text }

    /// By the text's bytes.
    public static func < (left: ResourceID, right: ResourceID) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// Whether both have the same type and the same bytes as name.
    public static func == (left: ResourceID, right: ResourceID) -> Bool {
        left.type == right.type && left.name.isSame(as: right.name)
    }

    /// Feeds what `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(ByteText(name))
    }

    /// What two resources share that cannot both be: the path, or the whole id.
    var slot: ByteText { Self.pathTypes.contains(type) ? Self.slot(ofPath: name) : ByteText(text) }

    /// What every resource at a path has as its slot.
    static func slot(ofPath path: String) -> ByteText { ByteText("path:\(path)") }

    /// Whether the text is a type.
    static func isType(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...typeBytesMax).contains(bytes.count), (0x61...0x7A).contains(bytes[0]) else { return false }
        return bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    private static func isLine(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } && text.first?.isWhitespace == false
            && text.last?.isWhitespace == false
    }
}

/// Paths on a machine, as text.
enum MachinePath {
    /// Whether a path is absolute, has no empty part, `.`, `..`, control character or slash at its end, and is not `/`.
    static func isNormal(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        guard bytes.first == UInt8(ascii: "/"), (2...PolicyStackLimits.machinePathBytesMax).contains(bytes.count),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return false }
        return bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { part in
                !part.isEmpty && part.count <= 255 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
            }
    }

    /// The paths above this one, nearest first, without `/`.
    static func above(_ path: String) -> [String] {
        var result: [String] = []
        // By bytes: a mark that combines with the slash before it makes both one character.
        var rest = path.utf8[...]
        while let slash = rest.lastIndex(of: UInt8(ascii: "/")), slash > rest.startIndex {
            rest = rest[..<slash]
            result.append(String(decoding: rest, as: UTF8.self))
        }
        return result
    }
}
