import Testing

// Everything that needs real processes, in three lanes: within a lane one after the other, for they share this
// machine's processors; three lanes, for a test mostly waits.

/// Meshes, whatever their partitions are made of, and the programs by themselves.
@Suite(.serialized) struct IntegrationTests {}

/// Partitions of several bolts.
@Suite(.serialized) struct ReplicatedIntegrationTests {}

/// Real agents below scratch roots, real bolts with policy for them.
@Suite(.serialized, .sharedPolicyWorld) struct PolicyIntegrationTests {}
