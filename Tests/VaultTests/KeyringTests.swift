import CRDT
import Identity
import Spanner
import Testing

@testable import Vault

/// The keyring as it is journaled: one encoding, bounded, damage told from a wrong key.
@Suite("Vault: keyring")
struct KeyringTests {
    @Test("a keyring is read back as it was written, after any number of rotations")
    func roundTrip() throws {
        let (vault, key) = try Sample.vault()
        for round in 1...20 {
            let keyring = try #require(vault.keyring)
            #expect(try Keyring(bytes: keyring.bytes) == keyring)
            #expect(keyring.generations == (1...UInt64(round)).map { $0 })
            #expect(keyring.stamp.revision == UInt64(round))
            _ = try OpenKeyring(keyring, with: key)
            try vault.adopt(vault.rotated())
        }
    }

    @Test("the largest keyring is within its limit, and one key more is refused")
    func largest() throws {
        let owner = try Sample.owner(String(repeating: "p", count: MeshNames.labelBytesMax))
        let (keyring, key) = Keyring.initialise(owner)
        let open = try OpenKeyring(keyring, with: key)
        let root = try #require(
            AuthenticatedBox.open(
                keyring.rootBox, under: key.secret,
                context: Keyring.rootContext(owner, keyring.stamp.id, lock: 1)))
        let last = UInt64.max - UInt64(VaultLimits.dataKeysMax)
        let keys = (1...UInt64(VaultLimits.dataKeysMax)).map { number in
            Keyring.wrap(.random(32), generation: last + number - 1, under: root, owner, keyring.stamp.id)
        }
        let stamp = KeyringStamp(id: keyring.stamp.id, lock: 1, revision: .max)
        let full = Keyring.sealed(
            owner, stamp, .keyfile, keyCheck: keyring.keyCheck, rootBox: keyring.rootBox, dataKeys: keys, under: root)
        #expect(full.bytes.count <= VaultLimits.keyringBytesMax)
        #expect(full.bytes.count <= PartitionLimits.valueBytesMax)
        let read = try Keyring(bytes: full.bytes)
        #expect(code { _ = try open.reopening(read).rotated() } == .tooManyKeys)
        let over = Keyring(
            owner: owner, stamp: stamp, method: .keyfile, keyCheck: keyring.keyCheck, rootBox: keyring.rootBox,
            dataKeys: keys + keys, seal: keyring.seal)
        #expect(code { _ = try Keyring(bytes: over.bytes) } == .keyringDamaged)
    }

    @Test("damage anywhere is found without a key, and is not called a wrong key")
    func damage() throws {
        let (vault, _) = try Sample.vault()
        let bytes = try vault.rotated().bytes
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 0x10
            #expect(code { _ = try Keyring(bytes: altered) } == .keyringDamaged, "place \(place)")
        }
        for count in bytes.indices {
            #expect(code { _ = try Keyring(bytes: Array(bytes[..<count])) } == .keyringDamaged)
        }
    }

    @Test("an unknown version is told from damage")
    func newer() throws {
        let (vault, _) = try Sample.vault()
        var content = Array(try #require(vault.keyring).bytes.dropLast(Bytes32.count))
        content[0] = 9
        #expect(code { _ = try Keyring(bytes: content + BLAKE2b.hash(content).bytes) } == .keyringNewer)
    }

    /// Somebody who can write the journal but has no key: every part is bound to the root key, check sum or not.
    @Test("a keyring that was put together without the root key does not open", arguments: 0..<6)
    func forged(part: Int) throws {
        let owner = try Sample.owner()
        let (one, key) = Keyring.initialise(owner)
        let (two, _) = Keyring.initialise(owner)
        let forged = Keyring(
            owner: owner,
            stamp: KeyringStamp(id: one.stamp.id, lock: 1, revision: part == 0 ? 2 : 1), method: .keyfile,
            keyCheck: one.keyCheck, rootBox: part == 1 ? two.rootBox : one.rootBox,
            dataKeys: part == 2
                ? two.dataKeys
                : part == 3
                    ? one.dataKeys + [.init(generation: 2, box: one.dataKeys[0].box)]
                    : part == 4 ? [.init(generation: 2, box: one.dataKeys[0].box)] : one.dataKeys,
            seal: part == 5 ? two.seal : one.seal)
        let read = try Keyring(bytes: forged.bytes)
        #expect(code { _ = try OpenKeyring(read, with: key) } == .keyringDamaged)
        _ = try OpenKeyring(one, with: key)
    }

    @Test("keys of another mesh, partition, keyring or lock, and a random key, are wrong keys: each says why")
    func wrongKeys() throws {
        let owner = try Sample.owner()
        let (keyring, key) = Keyring.initialise(owner)
        func why(_ key: UnsealKey) -> String? {
            do {
                _ = try OpenKeyring(keyring, with: key)
                return nil
            } catch {
                #expect(error.code == .wrongKey)
                return error.why
            }
        }
        #expect(why(key) == nil)
        #expect(why(Keyring.initialise(try Sample.owner("b")).key)?.contains("partition b") == true)
        #expect(why(Keyring.initialise(try Sample.owner("a", mesh: 9)).key)?.contains("mesh 00000000") == true)
        #expect(why(Keyring.initialise(owner).key)?.contains("keyring") == true)
        let later = KeyringStamp(id: key.stamp.id, lock: 2, revision: 1)
        #expect(why(UnsealKey(owner: owner, stamp: later, secret: key.secret))?.contains("number 1") == true)
        #expect(why(UnsealKey(owner: owner, stamp: key.stamp, secret: .random(32)))?.contains("closed") == true)
    }

    @Test("rows under an older data key open until it is retired; renewing brings them under the newest")
    func retiring() throws {
        let (vault, _) = try Sample.vault()
        let row = try Sample.row("r")
        let old = try vault.seal(SecretBytes([5]), as: row)
        try vault.adopt(vault.rotated())
        let renewed = try vault.renewing(old, as: row)
        #expect((old.generation, renewed.generation) == (1, 2))
        #expect(try vault.renewing(renewed, as: row) == renewed)
        #expect(try vault.open(old, as: row).copy == [5])
        try vault.adopt(vault.retiring(below: 2))
        #expect(vault.keyring?.generations == [2])
        #expect(code { _ = try vault.open(old, as: row) } == .keyMissing)
        #expect(try vault.open(renewed, as: row).copy == [5])
        try vault.adopt(vault.retiring(below: .max))
        #expect(vault.keyring?.generations == [2], "the newest stays")
        try vault.adopt(vault.rotated())
        #expect(vault.keyring?.generations == [2, 3])
    }
}
