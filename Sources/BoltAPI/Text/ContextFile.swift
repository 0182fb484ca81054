/// What `boltctl` remembers of meshes: where their bolts are and which identity to show. No secrets are in it.
public struct ContextFile: Hashable, Sendable, Codable {
    /// One mesh, under a name of the operator's choice.
    public struct Context: Hashable, Sendable, Codable {
        /// Its name.
        public var name: String
        /// Bolts to ask, `host:port`, nearest first.
        public var bolts: [String]
        /// Directory of the operator's identity.
        public var identity: String

        /// A context.
        public init(name: String, bolts: [String], identity: String) {
            (self.name, self.bolts, self.identity) = (name, bolts, identity)
        }
    }

    /// The context in use.
    public var current: String?
    /// By name.
    public var contexts: [Context]

    /// A file that knows nothing.
    public init() { (current, contexts) = (nil, []) }

    /// Reads a file's text; an empty one knows nothing. Fails with a reason in words.
    public init(parsing text: String) throws(ContextFileError) {
        let value: JSONValue
        do {
            value = try YAMLText.value(of: text)
        } catch {
            throw ContextFileError(reason: error.position.map { "\($0): \(error.reason)" } ?? error.reason)
        }
        guard value != .null else {
            self.init()
            return
        }
        do {
            self = try APIJSON.decode(ContextFile.self, from: APIJSON.encode(value))
        } catch { throw ContextFileError(reason: APIJSON.explain(error)) }
    }

    /// The file's text.
    public var text: String {
        guard let json = try? APIJSON.encode(self), let value = try? APIJSON.decode(JSONValue.self, from: json) else {
            return ""
        }
        return YAMLText.text(of: value)
    }

    /// Adds a context or replaces the one of its name, and uses it where asked or where none is in use.
    public mutating func put(_ context: Context, use: Bool) {
        contexts.removeAll { $0.name == context.name }
        contexts.append(context)
        contexts.sort { $0.name < $1.name }
        if use || current == nil { current = context.name }
    }

    /// The context of a name, or the one in use.
    public func context(_ name: String?) -> Context? {
        guard let wanted = name ?? current else { return nil }
        return contexts.first { $0.name == wanted }
    }
}

/// A contexts file that cannot be read; nothing was changed.
public struct ContextFileError: Error, Hashable, Sendable {
    /// Why.
    public let reason: String
}
