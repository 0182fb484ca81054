public import BoltAPI
internal import Foundation

/// The traits of a machine as they are told and as its policy sees them: what the kernel says and what its own programs
/// say, within a bound.
public struct TraitsDocument: Sendable {
    /// Bytes of the whole, as JSON: what a report has room for.
    static let bytesMax = APILimits.traitsBytesMax - 4 * 1024
    /// Where a machine's own programs are, unless said otherwise.
    public static let directoryDefault = "/etc/bolt-envoy/traits.d"

    private let custom: CustomTraits?

    /// The traits of this machine. `directory` has the programs that tell the custom ones; nil runs none.
    public init(directory: String? = TraitsDocument.directoryDefault) {
        custom = directory.map { CustomTraits(directory: $0) }
    }

    /// All of them, afresh.
    public func gather() async -> [String: JSONValue] {
        var traits = MachineTraits.gather()
        let told = await custom?.gather() ?? CustomTraits.Told()
        if !told.values.isEmpty { traits["custom"] = .object(told.values) }
        if !told.failures.isEmpty { traits["custom_failed"] = .object(told.failures.mapValues { .string($0) }) }
        return Self.bounded(traits)
    }

    /// The same where it is within the bound; else without the largest of what custom programs told, which is said in
    /// its place, and without the largest of the rest where that is not enough.
    static func bounded(_ traits: [String: JSONValue], to limit: Int = bytesMax) -> [String: JSONValue] {
        var traits = traits
        var total = size(of: .object(traits))
        while total > limit, case .object(var values)? = traits["custom"], let name = largest(of: values) {
            let bytes = values.removeValue(forKey: name).map(size) ?? 0
            traits["custom"] = values.isEmpty ? nil : .object(values)
            var failures: [String: JSONValue] = [:]
            if case .object(let known)? = traits["custom_failed"] { failures = known }
            failures[name] = .string("left out: its \(bytes) bytes have no room in \(limit) for all traits")
            traits["custom_failed"] = .object(failures)
            total = size(of: .object(traits))
        }
        while total > limit, let name = largest(of: traits) {
            traits[name] = nil
            traits["left_out"] = .bool(true)
            total = size(of: .object(traits))
        }
        return traits
    }

    private static func largest(of values: [String: JSONValue]) -> String? {
        values.map { (name: $0.key, bytes: size(of: $0.value)) }
            .max { ($0.bytes, $1.name) < ($1.bytes, $0.name) }?.name
    }

    private static func size(of value: JSONValue) -> Int { (try? APIJSON.encode(value).count) ?? .max }
}
