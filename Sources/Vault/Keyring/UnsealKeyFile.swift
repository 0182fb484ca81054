import CRDT
public import Identity
import Spanner

/// An unseal key as a small text file of mode 0600: whose it is in clear, the key in hexadecimal, a check sum.
public enum UnsealKeyFile {
    private static let title = "bolt unseal key 1"
    private static let names = ["mesh", "partition", "keyring", "lock", "revision", "key", "check"]

    /// Writes the key so that only this user may read it; durable when this returns. An existing file is not
    /// overwritten: it may be the only copy of another key. Fails with `keyFileFailure`.
    public static func write(_ key: UnsealKey, to path: String) throws(VaultError) {
        var text = encode(key)
        defer { SecretBytes.wipe(&text) }
        do throws(IdentityError) {
            try SecureFile.write(text, to: path, access: .ownerOnly, replacing: false)
        } catch { throw VaultError(error) }
    }

    /// What stands in a key's file, for whoever is to be given the key itself.
    public static func content(of key: UnsealKey) -> SecretBytes {
        var text = encode(key)
        defer { SecretBytes.wipe(&text) }
        return SecretBytes(text)
    }

    /// The key that stands in a file's content, which came by another way; `source` names that way in errors. Fails
    /// with `keyFileDamaged`. The caller wipes its copy.
    public static func key(in content: [UInt8], from source: String) throws(VaultError) -> UnsealKey {
        guard content.count <= VaultLimits.keyFileBytesMax else { throw damaged(source, "it is too long for one") }
        return try parse(content, source)
    }

    private static func encode(_ key: UnsealKey) -> [UInt8] {
        let head = [
            title, "mesh \(key.owner.mesh)", "partition \(key.owner.partition)", "keyring \(key.stamp.id)",
            "lock \(key.stamp.lock)", "revision \(key.stamp.revision)", "key ",
        ].joined(separator: "\n")
        // Room for all of it from the start: growing would leave a copy of the key behind.
        var text: [UInt8] = []
        text.reserveCapacity(VaultLimits.keyFileBytesMax)
        text += head.utf8
        key.secret.withBytes { bytes in
            for byte in bytes {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
        text.append(newline)
        let check = BLAKE2b.hash(text)
        text += "check \(check.hex)\n".utf8
        return text
    }

    /// The key in a file.
    ///
    /// Fails with `insecureKeyFile` before a byte is read where others could read it too, with `keyFileFailure`, or
    /// with `keyFileDamaged` where it is no whole key file.
    public static func read(_ path: String) throws(VaultError) -> UnsealKey {
        var text: [UInt8]
        do throws(IdentityError) {
            text = try SecureFile.read(path, access: .ownerOnly)
        } catch { throw VaultError(error) }
        defer { SecretBytes.wipe(&text) }
        return try key(in: text, from: path)
    }

    private static let digits = Array("0123456789abcdef".utf8)
    private static let newline = UInt8(ascii: "\n")

    /// Every field but the key becomes a text; the key goes straight into guarded memory.
    private static func parse(_ text: [UInt8], _ path: String) throws(VaultError) -> UnsealKey {
        let lines = text.split(separator: newline, omittingEmptySubsequences: false)
        guard lines.count == names.count + 2, lines.last?.isEmpty == true, lines[0].elementsEqual(title.utf8) else {
            throw damaged(path, "it does not look like one")
        }
        func value(_ index: Int) -> ArraySlice<UInt8>? {
            let name = Array(names[index].utf8) + [UInt8(ascii: " ")]
            let line = lines[index + 1]
            return line.starts(with: name) ? line.dropFirst(name.count) : nil
        }
        func word(_ index: Int) -> String { String(decoding: value(index) ?? [], as: UTF8.self) }
        // The key's digits are among these bytes: no copy of them outlives this.
        var checked = Array(text[..<lines[names.count].startIndex])
        defer { SecretBytes.wipe(&checked) }
        guard let check = Bytes32(hex: word(6)), BLAKE2b.hash(checked) == check else {
            throw damaged(path, "its check sum does not fit: it was altered or cut short")
        }
        guard let mesh = Bytes32(hex: word(0)), let partition = PartitionName(word(1)),
            let id = PrincipalID(hex: word(2)), let lock = UInt64(word(3)), let revision = UInt64(word(4)),
            let digits = value(5), let secret = secret(digits)
        else { throw damaged(path, "a field is not what it should be") }
        return UnsealKey(
            owner: VaultOwner(mesh: MeshID(mesh), partition: partition),
            stamp: KeyringStamp(id: KeyringID(id), lock: lock, revision: revision), secret: secret)
    }

    private static func secret(_ text: ArraySlice<UInt8>) -> SecretBytes? {
        guard text.count == 2 * AuthenticatedBox.keyBytes, text.allSatisfy({ digits.contains($0) }) else { return nil }
        func half(_ digit: UInt8) -> UInt8 { digit < UInt8(ascii: "a") ? digit & 15 : (digit & 15) + 9 }
        return SecretBytes(count: AuthenticatedBox.keyBytes) { out in
            for place in 0..<AuthenticatedBox.keyBytes {
                let first = text.startIndex + 2 * place
                out[place] = half(text[first]) << 4 | half(text[first + 1])
            }
        }
    }

    private static func damaged(_ path: String, _ why: String) -> VaultError {
        VaultError(
            .keyFileDamaged, what: "read the unseal key \(path)", why: why,
            next: "use another copy of the key; the keyring itself is not touched by this")
    }
}
