import CRDT
import Spanner
import Testing

@testable import Identity

/// A machine's secrets in their box: whoever keeps it for another cannot read it (V7), and whatever comes in its place
/// is refused.
@Suite struct SealedSecretsTests {
    private func opened(_ secrets: [String: SecretBytes]) -> [String: [UInt8]] {
        secrets.mapValues { value in value.withBytes { Array($0) } }
    }

    private func code(_ body: () throws -> Void) -> IdentityError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? IdentityError)?.code }
    }

    private static let samples: [[(String, [UInt8])]] = [
        [],
        [("db/password", Array("hunter2".utf8))],
        [("b", []), ("a", [0]), ("ä/ö", [UInt8](repeating: 7, count: 40_000))],
    ]

    @Test("what is sealed to a key is opened by it, whole, and by no other", arguments: samples)
    func roundTrip(sample: [(String, [UInt8])]) throws {
        let (key, other) = (SealingKey.generate(), SealingKey.generate())
        let box = try SealedSecrets.seal(
            sample.map { (name: $0.0, value: SecretBytes($0.1)) }, to: key.publicKey)
        #expect(opened(try SealedSecrets.open(box, with: key)) == Dictionary(uniqueKeysWithValues: sample))
        #expect(code { _ = try SealedSecrets.open(box, with: other) } == .malformed)
        let again = try SealedSecrets.seal(
            sample.map { (name: $0.0, value: SecretBytes($0.1)) }, to: key.publicKey)
        #expect(again != box, "two boxes tell nobody that they hold the same")
    }

    @Test("a box that is cut or changed anywhere is refused")
    func damage() throws {
        let key = SealingKey.generate()
        let box = try SealedSecrets.seal([(name: "a", value: SecretBytes([1, 2, 3]))], to: key.publicKey)
        for index in box.indices {
            var changed = box
            changed[index] ^= 0x10
            #expect(code { _ = try SealedSecrets.open(changed, with: key) } == .malformed)
            #expect(code { _ = try SealedSecrets.open(Array(box[..<index]), with: key) } == .malformed)
        }
        #expect(code { _ = try SealedSecrets.open(box + [0], with: key) } == .malformed)
    }

    @Test(
        "whatever somebody seals to the key, it is a list of secrets or refused",
        arguments: [
            [], [0], [2], [1, 0, 0], [1, 1, 0], [1, 1, 0, 97], [1, 1, 0, 97, 1, 0, 0, 0], [1, 255, 255],
            [1, 1, 0, 97, 255, 255, 255, 127], [1, 1, 0, 0xFF, 0, 0, 0, 0],
            [1, 1, 0, 98, 0, 0, 0, 0, 1, 0, 97, 0, 0, 0, 0], [1, 1, 0, 97, 0, 0, 0, 0, 1, 0, 97, 0, 0, 0, 0],
        ] as [[UInt8]])
    func hostileContent(plain: [UInt8]) throws {
        let key = SealingKey.generate()
        let box = try #require(PublicKeyBox.seal(SecretBytes(plain), to: key.publicKey))
        #expect(code { _ = try SealedSecrets.open(box, with: key) } == .malformed)
    }

    @Test("what is over a limit, named twice or for a key of no use is not sealed")
    func refused() throws {
        let key = SealingKey.generate().publicKey
        let small = SecretBytes([1])
        let wrong: [([(name: String, value: SecretBytes)], Bytes32)] = [
            ([(name: "", value: small)], key),
            ([(name: "a", value: small), (name: "a", value: small)], key),
            ([(name: String(repeating: "n", count: SealedSecrets.nameBytesMax + 1), value: small)], key),
            ([(name: "a", value: SecretBytes([UInt8](repeating: 1, count: SealedSecrets.plainBytesMax)))], key),
            ((0...SealedSecrets.countMax).map { (name: "n\($0)", value: small) }, key),
            ([(name: "a", value: small)], .zero),
        ]
        for (secrets, key) in wrong {
            #expect(code { _ = try SealedSecrets.seal(secrets, to: key) } == .badArgument)
        }
    }
}
