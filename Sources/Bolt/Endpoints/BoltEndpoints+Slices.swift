import BoltAPI

extension BoltEndpoints {
    /// What is asked about the topology, slices and tasks.
    func sliceRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        throw Problem(.noTopology, "no topology was applied to this mesh")
    }
}
