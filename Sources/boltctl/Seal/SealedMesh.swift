import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import Spanner

/// Keys of a local mesh's partitions: beside the bolts, for trials on one machine only.
extension LocalMesh {
    var keysDirectory: String { "\(directory)/keys" }

    func keyFile(of partition: PartitionName) -> String { "\(keysDirectory)/\(partition).key" }

    /// The key file that a bolt's configuration names: where the mesh was made sealed, now or before.
    func namedKeyFile(of partition: PartitionName) -> String? {
        SecureFile.exists(keysDirectory) ? keyFile(of: partition) : nil
    }

    /// Gives each partition that has none a keyring, whose key file its bolts read by themselves.
    func sealAll(seconds: Double, note: (String) -> Void) async throws {
        let session = try session()
        let mutation = try MutationOptions.parse(["--yes", "--reason", "mesh up"])
        for partition in Set(bolts.map(\.partition)).sorted() {
            let primary = try await PartitionSeals.primary(of: partition, session)
            guard primary.answer?.keyring == nil else { continue }
            note("making the keyring of \(partition), and its key \(keyFile(of: partition))")
            let (_, key) = try await SealInit.make(partition, keyFile(of: partition), session, mutation)
            let round = UnsealRound(session: session, mutation: mutation)
            try UnsealRound.require(
                await round.unseal(PartitionSeals.bolts(of: partition, session), with: key, untilHeld: seconds))
        }
    }
}
