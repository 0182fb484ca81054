import CRDT
import Foundation
import Identity
import Spanner
import Testing

@testable import Vault

/// What the tests seal, and with what.
enum Sample {
    static func owner(_ partition: String = "a", mesh: UInt64 = 1) throws -> VaultOwner {
        let name = try #require(PartitionName(partition))
        return VaultOwner(mesh: MeshID(Bytes32(words: (mesh, 2, 3, 4))), partition: name)
    }

    /// An unsealed vault, with the key that opens it.
    static func vault(_ partition: String = "a", mesh: UInt64 = 1) throws -> (vault: Vault, key: UnsealKey) {
        let owner = try owner(partition, mesh: mesh)
        let (keyring, key) = Keyring.initialise(owner)
        let vault = Vault(owner)
        try vault.adopt(keyring)
        try vault.unseal(with: key)
        return (vault, key)
    }

    static func bytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    static func row(_ text: String, _ table: SealedTable = .secrets) throws -> SealedRow {
        try SealedRow(table, Array(text.utf8))
    }
}

extension SecretBytes {
    /// A copy, for comparing.
    var copy: [UInt8] { withBytes { Array($0) } }
}

extension SealedBox {
    /// The box with one bit turned.
    func flipped(_ bit: Int) -> SealedBox {
        var bytes = box
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return SealedBox(generation: generation, box: bytes)
    }
}

/// The code of the vault's error that a body ends with; nil where it ends without one.
func code(of body: () throws -> Void) -> VaultError.Code? {
    do {
        try body()
        return nil
    } catch { return (error as? VaultError)?.code }
}

/// Directories that go with the process.
enum Scratch {
    private static let base: String = {
        let path = NSTemporaryDirectory() + "bolt-vault-" + Sodium.randomBytes(8).hexDigits
        atexit { try? FileManager.default.removeItem(atPath: Scratch.base) }
        return path
    }()

    static func directory() throws -> String {
        let path = "\(base)/\(Sodium.randomBytes(8).hexDigits)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
