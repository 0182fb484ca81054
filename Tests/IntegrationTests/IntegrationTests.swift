import Testing

// Everything that needs real processes, in three lanes: within a lane one after the other, for they share this
// machine's processors; three lanes, for a test mostly waits. A lane has a thread of its own, so that all three go on
// whatever the number of processors. They are to take about as long as each other: the longest is what all take.

/// Meshes, whatever their partitions are made of, and the programs of operators and bolts.
@Suite(.serialized, .lane) struct IntegrationTests {}

/// Partitions of several bolts.
@Suite(.serialized, .lane) struct ReplicatedIntegrationTests {}

/// Machines: their agent, the policy that they are given, and slices that go to another partition with them.
@Suite(.serialized, .lane) struct MachineIntegrationTests {}

extension MachineIntegrationTests {
    /// Real agents below scratch roots, real bolts with policy for them.
    @Suite(.serialized, .sharedPolicyWorld) struct PolicyIntegrationTests {}
}
