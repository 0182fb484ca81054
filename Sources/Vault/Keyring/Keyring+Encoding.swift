import CRDT
import Identity
import Spanner

extension Keyring {
    /// Number of this encoding; the first byte.
    private static let version: UInt8 = 1

    /// The one encoding, at most `VaultLimits.keyringBytesMax` bytes: what is journaled. A hash of the whole comes
    /// last, so that damage is found without any key.
    public var bytes: [UInt8] {
        var encoder = CanonicalEncoder(capacity: 256 + dataKeys.count * (Self.wrappedBytes + 4))
        encoder.byte(Self.version)
        encodeContent(to: &encoder)
        encoder.raw(seal)
        encoder.fixed(BLAKE2b.hash(encoder.bytes))
        return encoder.bytes
    }

    /// Reads what `bytes` gave. Fails with `keyringDamaged`, or with `keyringNewer` where the bytes are whole but of
    /// a version that is not known here.
    public init(bytes: [UInt8]) throws(VaultError) {
        let content = bytes.dropLast(Bytes32.count)
        guard bytes.count <= VaultLimits.keyringBytesMax, let version = content.first,
            let sum = Bytes32(bytes: bytes.suffix(Bytes32.count)), BLAKE2b.hash(Array(content)) == sum
        else { throw Self.damaged("its check sum does not fit") }
        guard version == Self.version else {
            throw VaultError(
                .keyringNewer, what: "read the keyring", why: "it has version \(version), \(Self.version) is known",
                next: "run the version of this program that made it, or a newer one")
        }
        do {
            var decoder = CanonicalDecoder(slice: content.dropFirst())
            self = try Self(content: &decoder)
            try decoder.finish()
        } catch { throw Self.damaged("\(error)") }
    }

    func encodeContent(to encoder: inout CanonicalEncoder) {
        owner.encode(to: &encoder)
        encoder.raw(stamp.id.id.bytes)
        encoder.integer(stamp.lock)
        encoder.integer(stamp.revision)
        encoder.byte(method.rawValue)
        encoder.fixed(keyCheck)
        encoder.raw(rootBox)
        encoder.list(dataKeys) { encoder, key in
            encoder.integer(key.generation)
            encoder.raw(key.box)
        }
    }

    private init(content decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let owner = try VaultOwner(from: &decoder)
        guard let id = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
        let (lock, revision) = (try decoder.integer(), try decoder.integer())
        guard let method = UnsealMethod(rawValue: try decoder.byte()) else { throw .invalid(what: "unseal method") }
        let keyCheck = try decoder.fixed()
        let rootBox = try decoder.raw(Self.wrappedBytes)
        let keys = try decoder.list("data keys", limit: VaultLimits.dataKeysMax) { decoder throws(DecodingFailure) in
            WrappedKey(generation: try decoder.integer(), box: try decoder.raw(Self.wrappedBytes))
        }
        guard !keys.isEmpty, lock > 0, revision > 0 else { throw .invalid(what: "empty keyring") }
        for (left, right) in zip(keys, keys.dropFirst()) where left.generation >= right.generation {
            throw .notCanonical(what: "order of data keys")
        }
        self.init(
            owner: owner, stamp: KeyringStamp(id: KeyringID(id), lock: lock, revision: revision), method: method,
            keyCheck: keyCheck, rootBox: rootBox, dataKeys: keys,
            seal: try decoder.raw(AuthenticatedBox.overheadBytes))
    }

    static func damaged(_ why: String) -> VaultError {
        VaultError(
            .keyringDamaged, what: "read the keyring", why: why,
            next: "promote a standby, or restore the partition's database from a backup; the unseal key stays as it is")
    }
}
