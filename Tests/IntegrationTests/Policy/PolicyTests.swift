import Testing

extension ReplicatedIntegrationTests {
    /// Real agents below scratch roots, real bolts that follow a git repository.
    @Suite(.serialized, .sharedPolicyWorld) struct PolicyTests {}
}
