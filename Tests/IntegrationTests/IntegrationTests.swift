import Testing

// Everything that needs real processes, in two lanes: within a lane one after the other, for they share this machine's
// processors; two lanes, for a test mostly waits.

/// Meshes, whatever their partitions are made of, and the programs by themselves.
@Suite(.serialized) struct IntegrationTests {}

/// Partitions of several bolts.
@Suite(.serialized) struct ReplicatedIntegrationTests {}
