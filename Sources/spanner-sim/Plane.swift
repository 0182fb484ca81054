import ArgumentParser

/// Which cores are simulated.
enum Plane: String, CaseIterable, ExpressibleByArgument {
    /// The roster's gossip.
    case roster
    /// Partitions: journal, epochs, promises.
    case partition
    /// Slices on their way between partitions.
    case handoff
    /// Envoys: queues, what they obey, what they are given.
    case envoy
    /// Each seed in one after the other.
    case all

    var hasRoster: Bool { self == .roster || self == .all }
    var hasPartition: Bool { self == .partition || self == .all }
    var hasHandoff: Bool { self == .handoff || self == .all }
    var hasEnvoy: Bool { self == .envoy || self == .all }
}
