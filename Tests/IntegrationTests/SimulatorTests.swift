import Testing

extension IntegrationTests {
    /// The simulator as a program: what one process cannot show of itself.
    @Suite struct SimulatorTests {
        @Test(
            "One seed gives one run, in another process too: hash tables are seeded anew there",
            .timeLimit(.minutes(5)), arguments: ["handoff", "envoy"])
        func determinism(plane: String) throws {
            let output = try Command.run(
                "spanner-sim", ["--determinism", "--plane", plane, "--seeds", "4", "--seconds", "10"],
                deadline: 240)
            #expect(output.status == 0 && output.standardOutput.contains("4 seeds, equal trace hashes"), "\(output)")
        }
    }
}
