internal import CRDT
internal import Identity
internal import Policy

/// What a resource is to be, in one digest: whether a disruptive one is the same that was in force.
///
/// The digest is keyed with the machine's own sealing key, so that nobody who reads it can try out what a secret in it
/// may be.
enum ResourceState {
    /// The digest of a resource that can be; nil of one that cannot.
    static func digest(of resource: ResolvedResource, by key: SealingKey) -> Bytes32? {
        guard case .success(let spec) = resource.content else { return nil }
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.text(resource.id.text)
        encode(spec, to: &encoder)
        return key.fingerprint(of: encoder.bytes)
    }

    private static func encode(_ spec: ResourceSpec, to encoder: inout CanonicalEncoder) {
        switch spec {
        case .file(let file):
            encoder.byte(1)
            encoder.text(file.path)
            encoder.string(file.content)
            encode(file.mode, file.owner, file.group, to: &encoder)
        case .directory(let directory):
            encoder.byte(2)
            encoder.text(directory.path)
            encode(directory.mode, directory.owner, directory.group, to: &encoder)
        case .link(let link):
            encoder.byte(3)
            encoder.text(link.path)
            encoder.text(link.target)
        case .absent(let absent):
            encoder.byte(4)
            encoder.text(absent.path)
            encoder.byte(absent.recursive ? 1 : 0)
        case .exec(let exec):
            encoder.byte(5)
            encode(exec, to: &encoder)
        case .handler(let handler):
            encoder.byte(6)
            encoder.text(handler.type)
            encoder.text(handler.name)
            encode(handler.properties, to: &encoder)
        }
    }

    private static func encode(
        _ mode: UInt16?, _ owner: String?, _ group: String?, to encoder: inout CanonicalEncoder
    ) {
        encoder.optional(mode) { encoder, mode in encoder.integer(UInt64(mode)) }
        encoder.optional(owner) { encoder, owner in encoder.text(owner) }
        encoder.optional(group) { encoder, group in encoder.text(group) }
    }

    private static func encode(_ exec: ExecSpec, to encoder: inout CanonicalEncoder) {
        encoder.text(exec.name)
        encoder.list(exec.command) { encoder, word in encoder.text(word) }
        for condition in [exec.unless, exec.onlyIf] {
            encoder.optional(condition) { encoder, words in
                encoder.list(words) { encoder, word in encoder.text(word) }
            }
        }
        encoder.optional(exec.creates) { encoder, path in encoder.text(path) }
        encoder.byte(exec.refreshOnly ? 1 : 0)
        encoder.optional(exec.workingDirectory) { encoder, path in encoder.text(path) }
        encoder.list(exec.environment.sorted { $0.key < $1.key }) { encoder, variable in
            encoder.text(variable.key)
            encoder.text(variable.value)
        }
    }

    private static func encode(_ value: PolicyValue, to encoder: inout CanonicalEncoder) {
        switch value {
        case .null: encoder.byte(0)
        case .bool(let value): encoder.byte(value ? 2 : 1)
        case .integer(let value):
            encoder.byte(3)
            encoder.integer(UInt64(bitPattern: value))
        case .number(let value):
            encoder.byte(4)
            encoder.integer(value.bitPattern)
        case .text(let value):
            encoder.byte(5)
            encoder.text(value)
        case .list(let values):
            encoder.byte(6)
            encoder.list(values) { encoder, value in encode(value, to: &encoder) }
        case .object(let values):
            encoder.byte(7)
            encoder.list(values.sorted { $0.key < $1.key }) { encoder, entry in
                encoder.text(entry.key)
                encode(entry.value, to: &encoder)
            }
        }
    }
}
