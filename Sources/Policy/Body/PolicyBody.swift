internal import CRDT

/// The policy of all machines for which one selection of a stack's layers counts. The same bytes for each of them.
///
/// Conditions on traits and templates are in it as they are: the machine decides them, at each pass. It names secrets
/// and holds none.
public struct PolicyBody: Hashable, Sendable {
    /// The one canonical encoding: 1...`PolicyStackLimits.bodyBytesMax` bytes. Its hash names the body.
    public let bytes: [UInt8]
    /// Names of the secrets that it needs: ascending, each once, `PolicyStackLimits.secretsMax` at most.
    public let secretNames: [String]
    /// What is in it, in the stack's order.
    let layers: [PolicyLayer]

    /// Begins each body: a kind and the version of the encoding.
    static let mark: [UInt8] = Array("bolt-body".utf8) + [1]

    /// Reads a body. Takes what `Stack.body(of:)` made and nothing else, within the limits, without trapping.
    ///
    /// Fails with `PolicyBodyFailure`; nothing was changed.
    public init(bytes: [UInt8]) throws(PolicyBodyFailure) {
        guard bytes.count <= PolicyStackLimits.bodyBytesMax else {
            throw PolicyBodyFailure(
                reason: "has \(bytes.count) bytes; at most \(PolicyStackLimits.bodyBytesMax) are taken")
        }
        let layers: [PolicyLayer]
        do {
            layers = try Self.decode(bytes)
        } catch {
            throw PolicyBodyFailure(reason: "is not what a stack makes: \(error)")
        }
        try self.init(layers: layers)
        // What a reader would take and no writer makes, such as entries out of order, shows here.
        guard self.bytes == bytes else { throw PolicyBodyFailure(reason: "is not in its canonical form") }
    }

    /// A body of layers that were checked. Fails where it is over a limit, or names a secret wrongly.
    init(layers: [PolicyLayer]) throws(PolicyBodyFailure) {
        guard layers.count <= PolicyStackLimits.layersMax,
            layers.reduce(0, { $0 + $1.resources.count }) <= PolicyStackLimits.resourcesMax
        else { throw PolicyBodyFailure(reason: "has more layers or resources than are taken") }
        self.layers = layers
        secretNames = try Self.secretNames(in: layers)
        var encoder = CanonicalEncoder(capacity: 4_096)
        encoder.raw(Self.mark)
        encoder.list(layers) { $1.encode(to: &$0) }
        bytes = encoder.bytes
        guard bytes.count <= PolicyStackLimits.bodyBytesMax else {
            throw PolicyBodyFailure(
                reason: "has \(bytes.count) bytes; at most \(PolicyStackLimits.bodyBytesMax) are taken")
        }
    }

    private static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> [PolicyLayer] {
        var decoder = CanonicalDecoder(bytes)
        guard try decoder.raw(mark.count) == mark else { throw .invalid(what: "mark") }
        let layers = try decoder.list("layers", limit: PolicyStackLimits.layersMax) {
            (inner) throws(DecodingFailure) in try PolicyLayer(from: &inner)
        }
        try decoder.finish()
        return layers
    }

    private static func secretNames(in layers: [PolicyLayer]) throws(PolicyBodyFailure) -> [String] {
        var names: Set<String> = []
        for resource in layers.flatMap(\.resources) {
            for (text, takesSecrets) in resource.texts {
                let found = BodyText.secrets(in: text, isFile: resource.isTemplateFile)
                guard found.isEmpty || takesSecrets, found.allSatisfy({ SecretReference.isName($0) }) else {
                    throw PolicyBodyFailure(reason: "\(resource.id) names a secret wrongly")
                }
                names.formUnion(found)
            }
        }
        guard names.count <= PolicyStackLimits.secretsMax else {
            throw PolicyBodyFailure(
                reason: "names \(names.count) secrets; at most \(PolicyStackLimits.secretsMax) are taken")
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Equal bytes.
    public static func == (left: PolicyBody, right: PolicyBody) -> Bool { left.bytes == right.bytes }

    /// Of the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// Why bytes are no body.
public struct PolicyBodyFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with them, as the end of “the body …”.
    public let reason: String

    /// One sentence.
    public var description: String { "the body \(reason)" }
}
