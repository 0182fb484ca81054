internal import Spanner
internal import SpannerStore
internal import Vault

/// The version at which a secret was removed, kept in the partition's settings: a secret of that name that is put later
/// goes on from there, so that one name and version never mean two values.
enum RemovedSecretVersion {
    private static func setting(_ name: SecretName) -> String { "secret.removed-at-version/\(name.text)" }

    /// Notes it; belongs into the record that removes the secret.
    static func note(_ name: SecretName, _ version: UInt64) -> PartitionCommand {
        .setting(name: setting(name), value: withUnsafeBytes(of: version.bigEndian) { Array($0) })
    }

    /// Forgets it; belongs into the record that puts the secret again.
    static func forget(_ name: SecretName) -> PartitionCommand { .setting(name: setting(name), value: nil) }

    /// The version; nil where the secret never was or was put again since.
    static func held(_ name: SecretName, in tables: PartitionTables) throws(StoreError) -> UInt64? {
        try tables.settings.value(setting(name))?.bytes.reduce(0) { $0 &<< 8 | UInt64($1) }
    }
}
