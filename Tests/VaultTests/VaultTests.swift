import CRDT
import Foundation
import Identity
import Spanner
import Testing

@testable import Vault

/// The vault as a bolt uses it.
@Suite("Vault: life of a vault")
struct VaultTests {
    @Test("a vault without a keyring, and a sealed one, refuse with what to do")
    func refusals() throws {
        let owner = try Sample.owner()
        let vault = Vault(owner)
        let row = try Sample.row("r")
        let (keyring, key) = Keyring.initialise(owner)
        #expect(code { _ = try vault.seal(SecretBytes([]), as: row) } == .notInitialised)
        #expect(code { try vault.unseal(with: key) } == .notInitialised)
        #expect(try vault.adopt(keyring) == .sealed(.started))
        #expect(code { _ = try vault.seal(SecretBytes([]), as: row) } == .sealed)
        #expect(code { _ = try vault.rotated() } == .sealed)
        let wrong = UnsealKey(owner: owner, stamp: key.stamp, secret: .random(32))
        #expect(code { try vault.unseal(with: wrong) } == .wrongKey)
        #expect(vault.state == .sealed(.started))
        try vault.unseal(with: key)
        #expect(vault.state.isUnsealed)
        #expect(code { try vault.unseal(with: key) } == .unsealed)
        #expect(vault.seal() == .sealed(.asked))
        #expect(code { _ = try vault.seal(SecretBytes([]), as: row) } == .sealed)
        #expect(vault.isLocked == nil)
    }

    @Test("S2: a standby with the same keyring holds what it can't open until it is unsealed itself")
    func standby() throws {
        let (primary, key) = try Sample.vault()
        let name = try SecretName("db/password")
        let journaled = try primary.seal(secret: name, version: 1, SecretBytes(Array("hunter2".utf8))).bytes
        let standby = Vault(primary.owner)
        try standby.adopt(Keyring(bytes: #require(primary.keyring).bytes))
        let sealed = try SealedSecret(bytes: journaled)
        #expect(code { _ = try standby.open(secret: name, sealed) } == .sealed)
        try standby.unseal(with: key)
        #expect(try standby.open(secret: name, sealed).copy == Array("hunter2".utf8))
        // The primary rotates; the standby follows by the journal, without a key file.
        try primary.adopt(primary.rotated())
        let later = try primary.seal(secret: name, version: 2, SecretBytes([9]))
        #expect(code { _ = try standby.open(secret: name, later) } == .keyMissing)
        try standby.adopt(primary.keyring)
        #expect(try standby.open(secret: name, later).copy == [9])
    }

    @Test("a keyring of another partition is refused and changes nothing")
    func foreignKeyring() throws {
        let (vault, _) = try Sample.vault()
        let (foreign, _) = Keyring.initialise(try Sample.owner("b"))
        #expect(code { try vault.adopt(foreign) } == .keyringForeign)
        #expect(vault.state.isUnsealed)
    }

    @Test("of two rotations by two primaries the one that the journal keeps is the one that seals")
    func twinRotations() throws {
        let (vault, key) = try Sample.vault()
        let (lost, kept) = (try vault.rotated(), try vault.rotated())
        #expect(lost.stamp.revision == kept.stamp.revision && lost.stamp != kept.stamp)
        try vault.adopt(lost)
        try vault.adopt(kept)
        let name = try SecretName("twin")
        let sealed = try vault.seal(secret: name, version: 1, SecretBytes([7]))
        let other = Vault(vault.owner)
        try other.adopt(Keyring(bytes: kept.bytes))
        try other.unseal(with: key)
        #expect(try other.open(secret: name, sealed).copy == [7])
    }

    @Test("a rotation that the root key does not know seals the vault")
    func damagedRotation() throws {
        let (vault, _) = try Sample.vault()
        let good = try #require(vault.keyring)
        let forged = Keyring(
            owner: good.owner, stamp: KeyringStamp(id: good.stamp.id, lock: 1, revision: 2), method: .keyfile,
            keyCheck: good.keyCheck, rootBox: good.rootBox, dataKeys: good.dataKeys, seal: good.seal)
        #expect(code { try vault.adopt(forged) } == .keyringDamaged)
        #expect(vault.state == .sealed(.keyringDamaged))
    }

    @Test("too large a secret is refused, the largest is taken")
    func sizes() throws {
        let (vault, _) = try Sample.vault()
        let row = try Sample.row("r")
        func secret(_ count: Int) -> SecretBytes { SecretBytes([UInt8](repeating: 1, count: count)) }
        let largest = try vault.seal(
            secret: SecretName(String(repeating: "n", count: VaultLimits.secretNameBytesMax)), version: .max,
            secret(VaultLimits.secretBytesMax))
        #expect(largest.bytes.count <= PartitionLimits.valueBytesMax)
        #expect(VaultLimits.secretNameBytesMax <= PartitionLimits.nameBytesMax)
        #expect(code { _ = try vault.seal(secret(VaultLimits.secretBytesMax + 1), as: row) } == .tooLarge)
        #expect(code { _ = try SealedRow(.secrets, []) } == .tooLarge)
        #expect(code { _ = try SealedRow(.secrets, [UInt8](repeating: 0, count: 1025)) } == .tooLarge)
    }

    @Test(
        "names of secrets are bounded and plain",
        arguments: [
            ("db/password", true), ("a", true), ("db/replica-1/tls_key.pem", true), ("", false), ("/a", false),
            ("a/", false), ("a//b", false), ("../a", false), ("a/.b", false), ("A", false), ("a b", false),
            ("ä", false), ("a\n", false), ("a\u{0}", false),
        ])
    func names(text: String, isName: Bool) {
        #expect((code { _ = try SecretName(text) } == nil) == isName)
    }

    /// S1: what fails never shows what it failed on.
    @Test("S1: neither errors, nor descriptions, nor dumps contain a key or a value")
    func nothingIsPrinted() throws {
        let owner = try Sample.owner()
        let (keyring, key) = Keyring.initialise(owner)
        let open = try OpenKeyring(keyring, with: key)
        let value = SecretBytes(Array("hunter2hunter2".utf8))
        var texts: [String] = []
        for thing in [key, open, value, Vault(owner), open.seal(value, as: try Sample.row("r"))] as [Any] {
            var dumped = ""
            dump(thing, to: &dumped)
            texts += [dumped, "\(thing)", String(reflecting: thing)]
        }
        for body: () throws -> Void in [
            { _ = try SecretName("hunter2hunter2 pasted by mistake") },
            { _ = try Keyring(bytes: Array("hunter2hunter2".utf8)) },
            { _ = try SealedSecret(bytes: Array("hunter2hunter2".utf8)) },
            { _ = try OpenKeyring(keyring, with: UnsealKey(owner: owner, stamp: key.stamp, secret: .random(32))) },
        ] {
            do {
                try body()
                Issue.record("did not fail")
            } catch { texts.append("\(error)") }
        }
        let secret = key.secret.copy
        let needles = [
            "hunter2", secret.hexDigits, "\(secret)".dropFirst().dropLast().description,
            "\(Array("hunter2".utf8))".dropFirst().dropLast().description,
        ]
        for text in texts {
            for needle in needles { #expect(!text.contains(needle), "\(text.prefix(80))") }
        }
    }

    @Test("every code has its own name")
    func codes() {
        #expect(Set(VaultError.Code.all.map(\.rawValue)).count == VaultError.Code.all.count)
    }
}
