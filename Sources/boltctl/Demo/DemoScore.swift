import BoltAPI

/// What the demo claims, what it found, how long it took.
struct DemoScore: Encodable {
    /// One claim.
    struct Line: Encodable {
        let step: String
        let claim: String
        let passed: Bool
        let seconds: Double
        let detail: String
    }

    var lines: [Line] = []
    let network: String
    let directory: String
    var kept = false

    /// Whether everything claimed was verified.
    var passed: Bool { !lines.isEmpty && lines.allSatisfy(\.passed) }

    enum CodingKeys: String, CodingKey { case passed, network, directory, kept, lines }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(passed, forKey: .passed)
        try container.encode(network, forKey: .network)
        try container.encode(directory, forKey: .directory)
        try container.encode(kept, forKey: .kept)
        try container.encode(lines, forKey: .lines)
    }

    /// The score for people.
    var text: String {
        var table = TextTable("STEP", "CLAIM", "RESULT", "TIME", "DETAIL")
        for line in lines {
            table.row(line.step, line.claim, line.passed ? "ok" : "FAILED", Self.time(line.seconds), line.detail)
        }
        let good = lines.count(where: \.passed)
        return table.text + "\n\n\(good) of \(lines.count) claims verified on real processes (network: \(network))"
    }

    static func time(_ seconds: Double) -> String {
        let milliseconds = Int((seconds * 1000).rounded())
        return milliseconds < 10_000 ? "\(milliseconds) ms" : "\(milliseconds / 1000) s"
    }
}
