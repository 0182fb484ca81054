import Yams

/// A place in a text file; both count from 1.
public struct SourcePosition: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    /// Line.
    public let line: Int
    /// Column, in Unicode scalars.
    public let column: Int

    /// A place.
    public init(line: Int, column: Int) { (self.line, self.column) = (line, column) }

    init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }

    /// `line:column`.
    public var description: String { "\(line):\(column)" }

    /// By line, then column.
    public static func < (left: Self, right: Self) -> Bool { (left.line, left.column) < (right.line, right.column) }
}
