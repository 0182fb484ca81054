import BoltAPI
import Foundation

/// A bolt is killed while machines are admitted; nothing that was acknowledged is lost.
@MainActor enum KillStep {
    static func run(_ demo: DemoRun) async throws {
        let victim = demo.mesh.bolts[demo.mesh.bolts.count - 1]
        let token = try await demo.token(uses: UInt32(demo.admissions * 4), from: demo.mesh.bolts[0])
        let journal = "\(demo.mesh.directory)/journal.jsonl"
        // The victim first, so that the kill hits admissions; the others when it is gone.
        let addresses = ([victim] + demo.mesh.bolts.filter { $0.fullName != victim.fullName })
            .flatMap { ["--mesh", $0.bolt.address] }
        let program = demo.envoyProgram
        let arguments =
            [
                "simulate", "--count", "\(demo.admissions)", "--passes", "0", "--dir", "\(demo.mesh.directory)/fleet",
                "--prefix", "fleet", "--token", token, "--journal", journal, "-o", "json",
            ] + addresses
        async let fleet = ForegroundProgram.run(program, arguments, seconds: 180)
        let quarter = max(1, demo.admissions / 4)
        _ = try await Waiting.until(seconds: 60, every: .milliseconds(5)) {
            names(in: journal).count >= quarter ? true : nil
        }
        let before = names(in: journal).count
        try await demo.kill9(victim)
        let (_, down) = try await demo.timed {
            try await Waiting.until(seconds: 5) { names(in: journal).count > before ? true : nil }
        }
        try demo.start(victim)
        let (sick, back) = try await demo.timed { try await demo.mesh.waitForHealth(seconds: 30).sick }
        demo.record(
            "kill", "bolt healthy again after kill -9", sick.isEmpty, back,
            "\(victim.fullName) killed after \(before) acknowledged; the next came \(DemoScore.time(down)) later")
        let (code, out) = try await fleet
        if code != 0 { Console.note("simulate ended with \(code): \(out.suffix(400))") }
        let admitted = names(in: journal)
        demo.acknowledged.formUnion(admitted)
        try await demo.recordConvergence("kill")
        let (missing, seconds) = try await demo.timed {
            var missing = 0
            for bolt in demo.mesh.bolts {
                missing += demo.acknowledged.subtracting(try await demo.names(at: bolt)).count
            }
            return missing
        }
        demo.record(
            "kill", "no acknowledged admission lost", missing == 0 && admitted.count >= quarter, seconds,
            "\(admitted.count) of \(demo.admissions) acknowledged, \(missing) missing")
    }

    /// Names whose enrolment the journal says was acknowledged.
    private static func names(in journal: String) -> Set<String> {
        guard let text = try? String(contentsOfFile: journal, encoding: .utf8) else { return [] }
        var names: Set<String> = []
        for line in text.split(separator: "\n") {
            guard let entry = try? APIJSON.decode([String: JSONValue].self, from: Data(line.utf8)),
                entry["event"]?.text == "enrolled", let name = entry["name"]?.text
            else { continue }
            names.insert(name)
        }
        return names
    }
}
