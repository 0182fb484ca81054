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
            reason: "\(Self.text(bolts)); nothing was changed",
            next: "boltctl seal unseal --key-file FILE, with the key of \(name)", status: .refused)
    }

    /// `a.north, b.north are sealed`.
    static func text(_ bolts: [String]) -> String {
        bolts.joined(separator: ", ") + (bolts.count == 1 ? " is sealed" : " are sealed")
    }
}
