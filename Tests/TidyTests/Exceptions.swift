/// A place that may break a rule, and why. One that is no longer needed fails the tests.
struct Exception {
    let rule: Rule
    let path: String
    let reason: String
}

/// All exceptions of the repository.
let exceptions: [Exception] = []

/// What is left of these violations after the exceptions.
func withoutExceptions(_ violations: [Violation]) -> [Violation] {
    violations.filter { violation in
        !exceptions.contains { $0.rule == violation.rule && $0.path == violation.path }
    }
}
