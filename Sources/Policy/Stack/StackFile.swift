/// One file of a stack.
public struct StackFile: Hashable, Sendable {
    /// Where it is, from the stack's root: words joined by `/`, without `.` and `..`.
    public var path: String
    /// What is in it.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) { (self.path, self.bytes) = (path, bytes) }
}
