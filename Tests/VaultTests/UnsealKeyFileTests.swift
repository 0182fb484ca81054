import Foundation
import Identity
import Testing

@testable import Vault

/// Bad input of the issue: a key file that others can read, a damaged one, another's.
@Suite("Vault: key file")
struct UnsealKeyFileTests {
    private func write() throws -> (path: String, keyring: Keyring) {
        let path = try Scratch.directory() + "/unseal.key"
        let (keyring, key) = Keyring.initialise(try Sample.owner())
        try UnsealKeyFile.write(key, to: path)
        return (path, keyring)
    }

    @Test("the key that is read opens what the written one closed; the file is private and not overwritten")
    func roundTrip() throws {
        let (path, keyring) = try write()
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let key = try UnsealKeyFile.read(path)
        #expect(key.owner == keyring.owner && key.stamp.id == keyring.stamp.id && key.stamp.lock == keyring.stamp.lock)
        _ = try OpenKeyring(keyring, with: key)
        #expect(code { try UnsealKeyFile.write(key, to: path) } == .keyFileFailure)
    }

    @Test(
        "S1: a key file that others may use is refused with its reason", arguments: [0o640, 0o604, 0o644, 0o620, 0o601])
    func readableByOthers(mode: Int) throws {
        let (path, _) = try write()
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        do {
            _ = try UnsealKeyFile.read(path)
            Issue.record("mode \(mode) was taken")
        } catch {
            #expect(error.code == .insecureKeyFile)
            #expect(error.why.contains("mode is 0\(String(mode, radix: 8))") && error.next.contains("chmod 600"))
        }
    }

    @Test("a key file of another user is refused", .enabled(if: geteuid() == 0, "only root can give a file away"))
    func anotherUser() throws {
        let (path, _) = try write()
        #expect(chown(path, 65534, 65534) == 0)
        #expect(code { _ = try UnsealKeyFile.read(path) } == .insecureKeyFile)
    }

    @Test("no byte of a key file can be altered or missing")
    func damage() throws {
        let (path, _) = try write()
        let bytes = try SecureFile.read(path, access: .ownerOnly)
        func result(_ bytes: [UInt8]) throws -> VaultError.Code? {
            try SecureFile.write(bytes, to: path, access: .ownerOnly)
            return code { _ = try UnsealKeyFile.read(path) }
        }
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 1
            #expect(try result(altered) == .keyFileDamaged, "place \(place)")
        }
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(try result(Array(bytes[..<count])) == .keyFileDamaged)
        }
        #expect(try result(bytes + [UInt8](repeating: 10, count: VaultLimits.keyFileBytesMax)) == .keyFileDamaged)
        #expect(try result(bytes) == nil)
    }

    @Test("a key file that is not there, or a directory, is a failure of the file")
    func missing() throws {
        let directory = try Scratch.directory()
        #expect(code { _ = try UnsealKeyFile.read(directory + "/none") } == .keyFileFailure)
        #expect(code { _ = try UnsealKeyFile.read(directory) } == .keyFileFailure)
    }
}

/// A key on its way: the content of its file, without a file.
@Suite("Vault: a key without its file")
struct UnsealKeyContentTests {
    @Test("what travels is what stands in the file, and opens the same keyring; anything else is refused")
    func content() throws {
        let (keyring, key) = Keyring.initialise(try Sample.owner())
        let content = UnsealKeyFile.content(of: key).withBytes { Array($0) }
        let path = NSTemporaryDirectory() + "bolt-key-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        try UnsealKeyFile.write(key, to: path)
        #expect(FileManager.default.contents(atPath: path).map(Array.init) == content)
        let vault = Vault(keyring.owner)
        try vault.adopt(keyring)
        try vault.unseal(with: UnsealKeyFile.key(in: content, from: "a request"))
        #expect(vault.state.isUnsealed)
        for place in stride(from: 0, to: content.count, by: 7) {
            var altered = content
            altered[place] ^= 1
            #expect(throws: VaultError.self) { try UnsealKeyFile.key(in: altered, from: "a request") }
        }
        for bytes in [[], Array(content.dropLast()), content + content] {
            #expect(throws: VaultError.self) { try UnsealKeyFile.key(in: bytes, from: "a request") }
        }
    }
}
