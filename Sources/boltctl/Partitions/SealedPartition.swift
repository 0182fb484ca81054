import BoltAPI
import Spanner

/// Bolts of a partition that are sealed, where that is why something cannot be done.
struct SealedPartition {
    private let name: PartitionName
    private let bolts: [String]

    /// Nil where none says that it is sealed.
    init?(_ partition: PartitionView) {
        (name, bolts) = (partition.name, partition.sealedBolts)
        if bolts.isEmpty { return nil }
    }

    /// The refusal of `what`. Nothing was changed.
    func failure(_ what: String) -> CommandFailure {
        CommandFailure(
            Problem.Code.sealed.rawValue, what,
            reason: "\(Plural.are(bolts, "sealed")); nothing was changed",
            next: "boltctl seal unseal --key-file FILE, with the key of \(name)", status: .refused)
    }
}
