import ArgumentParser

/// Which cores are simulated.
enum Plane: String, CaseIterable, ExpressibleByArgument {
    /// The roster's gossip.
    case roster
    /// Partitions: journal, epochs, promises.
    case partition
    /// Each seed in the one, then in the other.
    case both

    var hasRoster: Bool { self != .partition }
    var hasPartition: Bool { self != .roster }
}
