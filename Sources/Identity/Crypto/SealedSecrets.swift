public import CRDT

/// Named secrets in one sealed box: what a partition gives one machine beside its policy.
///
/// Inside: a version (1 byte), then for each secret, in order of the names' bytes, the name's length (2 bytes, little
/// end first), the name, the value's length (4 bytes), the value. Made and read in guarded memory alone.
public enum SealedSecrets {
    /// Secrets in one box.
    public static let countMax = 256
    /// Bytes of a name.
    public static let nameBytesMax = 255
    /// Bytes of names and values with their lengths.
    public static let plainBytesMax = 64 * 1024
    /// Bytes of a box.
    public static let boxBytesMax = plainBytesMax + PublicKeyBox.overheadBytes

    private static let version: UInt8 = 1

    /// A box with these secrets for the holder of a public key. Each call gives other bytes.
    ///
    /// Fails with `badArgument` where they are over a limit, a name is empty or stands twice, or the key is one to
    /// which nothing can be sealed.
    public static func seal(
        _ secrets: [(name: String, value: SecretBytes)], to publicKey: Bytes32
    ) throws(IdentityError) -> [UInt8] {
        let sorted = secrets.map { (name: Array($0.name.utf8), value: $0.value) }
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }
        let total = sorted.reduce(1) { $0 + 6 + $1.name.count + $1.value.count }
        guard sorted.count <= countMax, total <= plainBytesMax else {
            throw refusal("\(sorted.count) secrets of \(total) bytes are over the limits", "give the machine fewer")
        }
        for (index, secret) in sorted.enumerated() {
            guard (1...nameBytesMax).contains(secret.name.count) else {
                throw refusal("a name has \(secret.name.count) bytes", "name it with 1 to \(nameBytesMax)")
            }
            if index > 0, sorted[index - 1].name == secret.name {
                throw refusal("a name stands twice", "report it with this text")
            }
        }
        let plain = SecretBytes(count: total) { target in
            target[0] = version
            var place = 1
            for secret in sorted { put(secret.name, secret.value, at: &place, in: target) }
        }
        guard let box = PublicKeyBox.seal(plain, to: publicKey) else {
            throw refusal("nothing can be sealed to its key", "enrol the machine anew")
        }
        return box
    }

    private static func put(
        _ name: [UInt8], _ value: SecretBytes, at place: inout Int, in target: UnsafeMutablePointer<UInt8>
    ) {
        func number(_ value: Int, bytes: Int) {
            for index in 0..<bytes { target[place + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
            place += bytes
        }
        number(name.count, bytes: 2)
        for (index, byte) in name.enumerated() { target[place + index] = byte }
        place += name.count
        number(value.count, bytes: 4)
        value.withBytes { bytes in
            for (index, byte) in bytes.enumerated() { target[place + index] = byte }
        }
        place += value.count
    }

    private static func refusal(_ why: String, _ next: String) -> IdentityError {
        IdentityError(.badArgument, what: "seal secrets for a machine", why: why, next: next)
    }

    /// The secrets of a box that was sealed to this key, each in guarded memory of its own.
    ///
    /// Fails with `malformed` where the box is for another key, cut or altered, or holds what `seal` never puts there.
    public static func open(_ box: [UInt8], with key: SealingKey) throws(IdentityError) -> [String: SecretBytes] {
        guard box.count <= boxBytesMax, let plain = key.open(box) else {
            throw damaged("it is not for this machine's key, or not whole")
        }
        let secrets = plain.withBytes { read($0) }
        guard let secrets else { throw damaged("what is in it is no list of secrets") }
        return secrets
    }

    private static func damaged(_ why: String) -> IdentityError {
        IdentityError(
            .malformed, what: "open a box of \(plainBytesMax) bytes at most with this machine's secrets", why: why,
            next: "nothing to do: it is fetched anew with the next check-in")
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> [String: SecretBytes]? {
        guard bytes.first == version else { return nil }
        var (secrets, place, last) = ([String: SecretBytes](), 1, [UInt8]())
        func number(_ count: Int) -> Int? {
            guard bytes.count - place >= count else { return nil }
            defer { place += count }
            return (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
        }
        while place < bytes.count {
            guard let length = number(2), length > 0, length <= nameBytesMax, bytes.count - place >= length
            else { return nil }
            let raw = Array(bytes[place..<place + length])
            place += length
            guard let name = String(validating: raw, as: UTF8.self), last.lexicographicallyPrecedes(raw),
                let count = number(4), bytes.count - place >= count, secrets.count < countMax
            else { return nil }
            let start = place
            secrets[name] = SecretBytes(count: count) { target in
                for index in 0..<count { target[index] = bytes[start + index] }
            }
            place += count
            last = raw
        }
        return secrets
    }
}
