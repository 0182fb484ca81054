import Testing

/// Waits until a condition holds; a failure that names it where it does not in that time. Others run meanwhile.
func wait(
    _ what: String, seconds: Int = 40, _ condition: () async throws -> Bool,
    location: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "not in time: \(what)", sourceLocation: location)
        await Task.yield()
    }
}
