/// Work that may take a moment: nobody should look at a silent terminal and wonder.
enum Patience {
    /// Runs `body`; says `text` on standard error once it has taken `span`.
    static func telling<Value: Sendable>(
        _ text: String, after span: Duration = .seconds(1),
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async rethrows -> Value {
        let notice = Task {
            try? await Task.sleep(for: span)
            if !Task.isCancelled { Console.note(text) }
        }
        defer { notice.cancel() }
        return try await body()
    }
}
