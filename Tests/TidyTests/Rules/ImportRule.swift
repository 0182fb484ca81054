/// What each target may import: the walls of the architecture.
///
/// `bolt` and `bolt-daemon` differ: the key is the folder under `Sources/`.
let importsAllowed: [String: Set<String>] = [
    // Pure cores.
    "CRDT": [],
    "Spanner": ["CRDT"],
    // Shells.
    "SpannerWire": ["CRDT", "Spanner", "NIOCore"],
    "Identity": platform.union(["CRDT", "Spanner", "COpenSSL", "COpenSSLShim", "CSodium"]),
    "Vault": platform.union(["CRDT", "Spanner", "Identity"]),
    "SpannerTransport": platform.union([
        "CRDT", "Spanner", "SpannerWire", "Identity", "NIOCore", "NIOPosix", "NIOTLS", "NIOSSL", "Logging",
    ]),
    "SpannerStore": platform.union(["CRDT", "Spanner", "CSQLite"]),
    "Programs": platform,
    "Policy": platform.union(["CRDT", "Spanner", "Yams", "Mustache"]),
    "Convergence": platform.union(["CRDT", "Spanner", "Policy", "CConvergence"]),
    "BoltAPI": platform.union(["CRDT", "Spanner", "Yams"]),
    "Bolt": platform.union([
        "CRDT", "Spanner", "SpannerWire", "SpannerTransport", "SpannerStore", "Identity", "Vault", "Lease", "BoltAPI",
        "Policy", "Programs",
        "Hummingbird", "HummingbirdCore", "HTTPTypes", "ServiceLifecycle", "Logging", "NIOCore", "NIOPosix",
        "NIOHTTP1", "NIOTLS", "NIOSSL", "Yams",
    ]),
    "BoltClient": platform.union([
        "Spanner", "BoltAPI", "Identity", "NIOCore", "NIOPosix", "NIOSSL", "NIOHTTP1", "Logging",
    ]),
    "Lease": platform.union([
        "CRDT", "Spanner", "Identity", "BoltClient", "NIOCore", "NIOPosix", "NIOSSL", "NIOHTTP1",
    ]),
    "Envoy": platform.union([
        "CRDT", "Spanner", "BoltAPI", "BoltClient", "Identity", "SpannerStore", "Policy", "Convergence", "Programs",
        "Logging",
    ]),
    // Programs.
    "bolt-daemon": platform.union(["Bolt", "BoltAPI", "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals"]),
    "boltctl": platform.union([
        "CRDT", "Spanner", "Policy", "BoltAPI", "BoltClient", "Identity", "Vault", "ArgumentParser", "Logging", "Yams",
    ]),
    "bolt-envoy": platform.union([
        "Envoy", "Spanner", "SpannerStore", "BoltAPI", "BoltClient", "Identity", "Policy", "Convergence",
        "ArgumentParser", "Logging",
    ]),
    // Proof.
    "SpannerTestKit": platform.union(["CRDT", "Spanner", "SpannerStore", "CSQLite"]),
    "spanner-sim": platform.union(["CRDT", "Spanner", "SpannerTestKit", "ArgumentParser"]),
    "ChaosKit": [],
    "LoopbackKit": platform,
    "spanner-chaos": platform.union([
        "ChaosKit", "LoopbackKit", "CRDT", "Spanner", "SpannerStore", "BoltAPI", "BoltClient", "Identity",
        "ArgumentParser",
    ]),
    "spanner-bench": platform.union([
        "CRDT", "Spanner", "SpannerStore", "SpannerTestKit", "LoopbackKit", "Identity", "ArgumentParser", "NIOCore",
        "NIOPosix",
        "NIOSSL",
    ]),
]

/// What any shell may take from the platform.
private let platform: Set<String> = [
    "Foundation", "FoundationEssentials", "FoundationNetworking", "Glibc", "Musl", "Dispatch", "Synchronization",
]

/// The targets that are a system library or a shim of C around one.
let targetsWithoutSwift: Set<String> = [
    "CSQLite", "CSodium", "COpenSSL", "COpenSSLShim", "CConvergence",
]

/// The targets that must run the same on every machine, in every process, at every time.
let pureTargets: Set<String> = ["CRDT", "Spanner"]

/// The folder under `Sources/` that holds a file, or nil if it lies elsewhere.
func target(of path: String) -> String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
}

/// Imports that the target's row in `importsAllowed` does not list.
func importViolations(in file: SwiftText) -> [Violation] {
    guard let target = target(of: file.path) else { return [] }
    guard let allowed = importsAllowed[target] else {
        let message = "target \(target) has no row in the import table: add one to ImportRule.swift"
        return [Violation(rule: .imports, path: file.path, line: 0, message: message)]
    }
    return imports(in: file).filter { !allowed.contains($0.module) }
        .map { found in
            let message = "\(target) must not import \(found.module)"
            return Violation(rule: .imports, path: file.path, line: found.line, message: message)
        }
}

/// The modules that a file imports, with their lines.
func imports(in file: SwiftText) -> [(module: String, line: Int)] {
    let kinds: Set<String> = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]
    let modifiers: Set<String> = ["public", "package", "internal", "fileprivate", "private"]
    return file.codeLines.enumerated()
        .flatMap { number, line in
            line.split(separator: ";").compactMap { statement -> (module: String, line: Int)? in
                var words = statement.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)[...]
                while let word = words.first, word.hasPrefix("@") || modifiers.contains(word) { words.removeFirst() }
                guard words.popFirst() == "import" else { return nil }
                if let word = words.first, kinds.contains(word) { words.removeFirst() }
                return words.first.map { (String($0.prefix { $0 != "." }), number + 1) }
            }
        }
}

/// SQL in a string outside the one target that knows it.
func sqlViolations(in file: SwiftText) -> [Violation] {
    guard let target = target(of: file.path), target != "SpannerStore" else { return [] }
    let beginnings = [
        "SELECT ", "INSERT INTO", "INSERT OR", "UPDATE ", "DELETE FROM", "CREATE TABLE", "CREATE INDEX", "PRAGMA ",
        "BEGIN IMMEDIATE", "DROP TABLE", "ALTER TABLE",
    ]
    return file.literals.filter { literal in
        let text = literal.text.drop { $0.isWhitespace }
        return beginnings.contains { text.hasPrefix($0) }
    }
    .map {
        let message = "SQL outside SpannerStore: add a method to the store instead"
        return Violation(rule: .sql, path: file.path, line: $0.line, message: message)
    }
}
