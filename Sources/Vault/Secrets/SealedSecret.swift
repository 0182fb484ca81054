import CRDT

/// A secret as it is journaled and replicated: sealed, and bound to its name and version.
///
/// An older value put back in a newer one's place does not open as it.
public struct SealedSecret: Hashable, Sendable {
    /// 1 for the first value under the name, one more for each later one.
    public let version: UInt64
    /// The value.
    public let box: SealedBox

    init(version: UInt64, box: SealedBox) { (self.version, self.box) = (version, box) }

    /// Number of this encoding; the first byte.
    private static let format: UInt8 = 1

    /// The one encoding: what stands in the journal's command.
    public var bytes: [UInt8] {
        var encoder = CanonicalEncoder(capacity: box.plainCount + 64)
        encoder.byte(Self.format)
        encoder.integer(version)
        box.encode(to: &encoder)
        return encoder.bytes
    }

    /// Reads what `bytes` gave; fails with `rowDamaged`. Whether it opens is another question.
    public init(bytes: [UInt8]) throws(VaultError) {
        do {
            var decoder = CanonicalDecoder(bytes)
            guard try decoder.byte() == Self.format else { throw DecodingFailure.invalid(what: "format") }
            version = try decoder.integer()
            box = try SealedBox(from: &decoder)
            try decoder.finish()
        } catch {
            throw VaultError(
                .rowDamaged, what: "read a sealed secret", why: "\(error)",
                next: "run a scrub on this bolt; put the secret again if no standby holds it whole")
        }
    }

    /// Where it belongs.
    static func row(_ name: SecretName, version: UInt64) throws(VaultError) -> SealedRow {
        var encoder = CanonicalEncoder()
        encoder.text(name.text)
        encoder.integer(version)
        return try SealedRow(.secrets, encoder.bytes)
    }
}
