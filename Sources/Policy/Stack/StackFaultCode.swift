/// Stable kind of a fault of a stack: see docs/errors.md.
public struct StackFaultCode: RawRepresentable, Hashable, Sendable, Codable {
    /// The code, as answers and `-o json` carry it.
    public let rawValue: String

    /// Any code; those that this module tells are in `all`.
    public init(rawValue: String) { self.rawValue = rawValue }

    private init(_ rawValue: String) { self.rawValue = rawValue }

    /// The stack, a file or a list in it is larger than is taken.
    public static let tooLarge = StackFaultCode("stack_too_large")
    /// A path is none, or a file is where none belongs.
    public static let badPath = StackFaultCode("stack_bad_path")
    /// A file that is needed is not there.
    public static let missingFile = StackFaultCode("stack_missing_file")
    /// A file is no YAML.
    public static let syntax = StackFaultCode("stack_syntax")
    /// An anchor, an alias or a tag, which are not taken.
    public static let notTaken = StackFaultCode("stack_not_taken")
    /// A key that is not known there.
    public static let unknownKey = StackFaultCode("stack_unknown_key")
    /// A key that is needed is not there.
    public static let missingKey = StackFaultCode("stack_missing_key")
    /// A value is of the wrong kind or out of its range.
    public static let badValue = StackFaultCode("stack_bad_value")
    /// A name, a key or a resource stands twice where it may stand once.
    public static let duplicate = StackFaultCode("stack_duplicate")
    /// Something is required or notified that no layer that can meet this one has.
    public static let dangling = StackFaultCode("stack_dangling")
    /// Resources require each other in a circle.
    public static let cycle = StackFaultCode("stack_cycle")
    /// A template cannot be read.
    public static let template = StackFaultCode("stack_template")
    /// A template names a variable that there cannot be.
    public static let unknownVariable = StackFaultCode("stack_unknown_variable")
    /// A reference to a secret is none.
    public static let badSecret = StackFaultCode("stack_bad_secret")
    /// What one machine would get is larger than a machine is given.
    public static let bodyTooLarge = StackFaultCode("stack_body_too_large")

    /// All codes that this module tells.
    public static let all: [StackFaultCode] = [
        tooLarge, badPath, missingFile, syntax, notTaken, unknownKey, missingKey, badValue, duplicate, dangling, cycle,
        template, unknownVariable, badSecret, bodyTooLarge,
    ]

    /// What to do where the fault does not say better.
    public var next: String {
        switch self {
        case .tooLarge, .bodyTooLarge: "split it, or take out what is not needed"
        case .badPath: "rename the file: stack.yaml, layers/NAME.yaml, or below files/"
        case .missingFile: "add the file, or correct the path"
        case .syntax: "correct the YAML at that place"
        case .notTaken: "write the value out"
        case .unknownKey: "correct the key, or take it out"
        case .missingKey: "add the key"
        case .duplicate: "keep one of them"
        case .dangling: "correct the name, or add the resource to a layer that meets this one"
        case .cycle: "take one of the requirements out"
        case .template: "correct the template at that place"
        case .unknownVariable: "correct the name, or define it under vars of a layer"
        case .badSecret: "write secret:NAME as the whole value, or {{secret:NAME}} in a text"
        default: "correct the value"
        }
    }
}
