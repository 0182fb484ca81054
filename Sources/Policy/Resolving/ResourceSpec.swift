/// What a resource shall be, with nothing left to decide.
public enum ResourceSpec: Hashable, Sendable {
    /// A file with this content.
    case file(FileSpec)
    /// A directory.
    case directory(DirectorySpec)
    /// A symbolic link.
    case link(LinkSpec)
    /// Nothing is at the path.
    case absent(AbsentSpec)
    /// A command that is run.
    case exec(ExecSpec)
    /// Something that an executable of this type plans and applies.
    case handler(HandlerSpec)
}

/// A file.
public struct FileSpec: Hashable, Sendable {
    /// Absolute, normalised path.
    public var path: String
    /// Its whole content.
    public var content: [UInt8]
    /// Its permission bits, 0...0o7777; nil: as they are, 0644 for a new one.
    public var mode: UInt16?
    /// Name or number of its owner; nil: as it is.
    public var owner: String?
    /// Name or number of its group; nil: as it is.
    public var group: String?

    /// A file.
    public init(path: String, content: [UInt8], mode: UInt16? = nil, owner: String? = nil, group: String? = nil) {
        (self.path, self.content, self.mode, self.owner, self.group) = (path, content, mode, owner, group)
    }
}

/// A directory.
public struct DirectorySpec: Hashable, Sendable {
    /// Absolute, normalised path.
    public var path: String
    /// Its permission bits, 0...0o7777; nil: as they are, 0755 for a new one.
    public var mode: UInt16?
    /// Name or number of its owner; nil: as it is.
    public var owner: String?
    /// Name or number of its group; nil: as it is.
    public var group: String?

    /// A directory.
    public init(path: String, mode: UInt16? = nil, owner: String? = nil, group: String? = nil) {
        (self.path, self.mode, self.owner, self.group) = (path, mode, owner, group)
    }
}

/// A symbolic link.
public struct LinkSpec: Hashable, Sendable {
    /// Absolute, normalised path.
    public var path: String
    /// What it points to, as it stands in the link: not resolved, 1...4,095 bytes without a zero.
    public var target: String

    /// A link.
    public init(path: String, target: String) { (self.path, self.target) = (path, target) }
}

/// Nothing at a path.
public struct AbsentSpec: Hashable, Sendable {
    /// Absolute, normalised path.
    public var path: String
    /// Whether a directory goes with all that is in it; without this one that is not empty stays, and fails.
    public var recursive: Bool

    /// Nothing at a path.
    public init(path: String, recursive: Bool = false) { (self.path, self.recursive) = (path, recursive) }
}

/// A command.
public struct ExecSpec: Hashable, Sendable {
    /// Its name in the stack.
    public var name: String
    /// Program and arguments, at least the program.
    public var command: [String]
    /// It is not run where this command ends with 0.
    public var unless: [String]?
    /// It is run only where this command ends with 0.
    public var onlyIf: [String]?
    /// It is not run where this absolute path is there.
    public var creates: String?
    /// The command is ended after so many seconds: 1...`PolicyStackLimits.timeoutSecondsMax`.
    public var timeoutSeconds: Int
    /// Whether it is run only when another resource notifies it.
    public var refreshOnly: Bool
    /// Absolute path of the directory in which it is run; nil: the root.
    public var workingDirectory: String?
    /// Variables of its environment, beside a fixed few.
    public var environment: [String: String]

    /// A command.
    public init(
        name: String, command: [String], unless: [String]? = nil, onlyIf: [String]? = nil, creates: String? = nil,
        timeoutSeconds: Int = PolicyStackLimits.execTimeoutSeconds, refreshOnly: Bool = false,
        workingDirectory: String? = nil, environment: [String: String] = [:]
    ) {
        (self.name, self.command, self.unless, self.onlyIf) = (name, command, unless, onlyIf)
        (self.creates, self.timeoutSeconds, self.refreshOnly) = (creates, timeoutSeconds, refreshOnly)
        (self.workingDirectory, self.environment) = (workingDirectory, environment)
    }
}

/// Something for a handler.
public struct HandlerSpec: Hashable, Sendable {
    /// The type: the handler's file name.
    public var type: String
    /// The name.
    public var name: String
    /// What the stack says of it: an object.
    public var properties: PolicyValue
    /// The handler is ended after so many seconds: 1...`PolicyStackLimits.timeoutSecondsMax`.
    public var timeoutSeconds: Int

    /// Something for a handler.
    public init(
        type: String, name: String, properties: PolicyValue,
        timeoutSeconds: Int = PolicyStackLimits.handlerTimeoutSeconds
    ) {
        (self.type, self.name, self.properties, self.timeoutSeconds) = (type, name, properties, timeoutSeconds)
    }
}
