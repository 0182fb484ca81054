/// Something in a stack that keeps it from being published, with its place.
public struct StackFault: Error, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Stable kind.
    public var code: StackFaultCode
    /// The file, from the stack's root.
    public var file: String
    /// The line, from 1; nil where the fault is of the whole file.
    public var line: Int?
    /// What is the matter.
    public var reason: String
    /// What to do.
    public var next: String

    /// A fault.
    public init(_ code: StackFaultCode, file: String, line: Int?, reason: String, next: String? = nil) {
        (self.code, self.file, self.line, self.reason) = (code, file, line, reason)
        self.next = next ?? code.next
    }

    /// By file, line, code and reason.
    public static func < (left: StackFault, right: StackFault) -> Bool { left.order < right.order }

    /// `file:line: reason [code]`, as compilers print it.
    public var description: String { "\(file)\(line.map { ":\($0)" } ?? ""): \(reason) [\(code.rawValue)]" }

    private var order: (String, Int, String, String) { (file, line ?? 0, code.rawValue, reason) }
}

/// All that was found wrong with a stack. Nothing was published, nothing changed.
public struct StackFaults: Error, Hashable, Sendable, CustomStringConvertible {
    /// By file and line; 1...`PolicyStackLimits.faultsMax`.
    public let faults: [StackFault]
    /// How many more there are that are not listed.
    public let omitted: Int

    /// Faults of a stack, in any order, doubles left out; nil where there is none.
    public init?(_ found: [StackFault]) {
        guard !found.isEmpty else { return nil }
        let sorted = Set(found).sorted()
        faults = Array(sorted.prefix(PolicyStackLimits.faultsMax))
        omitted = sorted.count - faults.count
    }

    init(_ first: StackFault) { (faults, omitted) = ([first], 0) }

    /// One line a fault.
    public var description: String {
        let lines = faults.map(\.description).joined(separator: "\n")
        return omitted > 0 ? lines + "\nand \(omitted) more" : lines
    }
}
