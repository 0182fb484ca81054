/// A place that may break a rule, and why. One that is no longer needed fails the tests.
struct Exception {
    let rule: Rule
    let path: String
    let reason: String
}

/// All exceptions of the repository.
let exceptions: [Exception] = [
    Exception(
        rule: .sleeps, path: "Tests/IntegrationTests/Support/Waiting.swift",
        reason: "the one pause between two looks at a condition of another process, with a deadline")
]

/// What is left of these violations after the exceptions.
func withoutExceptions(_ violations: [Violation]) -> [Violation] {
    violations.filter { violation in
        !exceptions.contains { $0.rule == violation.rule && $0.path == violation.path }
    }
}
