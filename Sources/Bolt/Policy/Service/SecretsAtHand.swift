internal import CRDT
internal import Identity
internal import Spanner
internal import SpannerStore
internal import Vault

/// The secrets that a stack names, opened once for all envoys of a version. They live in guarded memory, for as long as
/// the version is made.
struct SecretsAtHand {
    /// Why a box cannot be made.
    struct Hindrance: Error {
        /// In words, with the next command.
        let words: String
    }

    private struct Held {
        let version: UInt64
        let value: SecretBytes
    }

    private var held: [String: Held] = [:]
    private var hindrances: [String: String] = [:]

    /// Opens what is there of these names. What is not is told to whoever needs it.
    init(_ names: [String], in tables: PartitionTables, vault: Vault, partition: PartitionName) throws(StoreError) {
        for name in names {
            guard let stored = try tables.secrets.value(name) else {
                let next = "boltctl secret put \(name) --partition \(partition)"
                hindrances[name] = "secret \(name) is missing; next: \(next)"
                continue
            }
            do throws(VaultError) {
                let sealed = try SealedSecret(bytes: stored.bytes)
                held[name] = Held(
                    version: sealed.version, value: try vault.open(secret: try SecretName(name), sealed))
            } catch { hindrances[name] = "secret \(name) cannot be opened: \(error)" }
        }
    }

    /// What a box for this key holds: a hash that is another one for other secrets, other values or another key. Fails
    /// where one is missing, or nothing can be sealed to the envoy.
    func ingredients(_ names: [String], for key: Bytes32?, by witness: some Witness) throws(Hindrance) -> Bytes32 {
        guard let key else { throw Hindrance(words: "it has no key to seal to; next: enrol it anew") }
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.text("bolt policy box v1")
        encoder.fixed(key)
        for name in names {
            guard let secret = held[name] else {
                throw Hindrance(words: hindrances[name] ?? "secret \(name) is not at hand")
            }
            encoder.text(name)
            encoder.integer(secret.version)
        }
        return witness.hash(encoder.bytes)
    }

    /// A box with these for one envoy. Fails where they are too large together, or nothing can be sealed to the key.
    func box(_ names: [String], for key: Bytes32) throws(Hindrance) -> [UInt8] {
        do throws(IdentityError) {
            return try SealedSecrets.seal(
                names.compactMap { name in held[name].map { (name: name, value: $0.value) } }, to: key)
        } catch { throw Hindrance(words: "its secrets cannot be sealed: \(error.why); next: \(error.next)") }
    }
}

/// From what an envoy's box was made, kept in the partition's settings: a new primary seals nothing anew that has not
/// changed, so that its envoys are given nothing new.
enum BoxIngredients {
    private static func setting(_ envoy: PrincipalID) -> String { "policy.box-made-of/\(envoy)" }

    /// Notes it, or with nil that there is no box; belongs into the write that brings the box.
    static func note(_ ingredients: Bytes32?, of envoy: PrincipalID) -> PartitionCommand {
        .setting(name: setting(envoy), value: ingredients?.bytes)
    }

    /// What was noted; nil where nothing was.
    static func held(of envoy: PrincipalID, in tables: PartitionTables) throws(StoreError) -> Bytes32? {
        try tables.settings.value(setting(envoy)).flatMap { Bytes32(bytes: $0.bytes) }
    }
}
