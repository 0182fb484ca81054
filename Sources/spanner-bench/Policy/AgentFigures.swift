import Foundation

/// What a pass over a policy costs the machine that makes it: a thousand files that are as they should be, beside the
/// time in which another program reads them; and the memory of an agent that goes on.
struct AgentFigures {
    let settings: BenchSettings
    private let files = 1000
    private let passes = 7

    func measure(_ mesh: RealMesh, _ report: inout Report) throws {
        let token = try mesh.control(["envoy", "token", "create"])
        guard let text = token["token"].text else { throw BenchFailure("no token in the answer") }
        let (name, state, root) = ("agent-1", mesh.scratch.file("agent-1"), mesh.scratch.file("agent-root"))
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        _ = try mesh.envoy(["enroll", "--token", text, "--state", state, "--name", name])
        try mesh.publish(try BenchStack(rules: files, in: mesh.scratch))
        _ = try mesh.leaf(of: name)
        let line = ["run", "--state", state, "--root", root, "--traits", mesh.scratch.file("no-traits")]
        guard (RealMesh.wait(seconds: 60) { (try? pass(mesh, line))?["counts"]["unchanged"].number == Double(files) })
        else { throw BenchFailure("the agent does not get \(files) files in place") }

        var (times, reads) = (Series(), Series())
        for _ in 0..<passes {
            let found = try pass(mesh, line)
            guard found["counts"]["unchanged"].number == Double(files), let time = found["duration_us"].number else {
                throw BenchFailure("a pass over unchanged files changed some")
            }
            times.values.append(time / 1e6)
            reads.values += try Series.seconds(1) { _ in
                _ = try Program.output("/bin/sh", ["-c", "find '\(root)' -type f -print0 | xargs -0 sha256sum"])
            }.values
        }
        report.times("control: find and sha256sum of \(files) files", reads)
        report.times(
            "a pass over as many unchanged files", times, control: ("the control", reads), aim: .atMost(0.5, "0.5 s"))
        try memory(mesh, line, state, &report)
    }

    /// What a pass of its own process came to.
    private func pass(_ mesh: RealMesh, _ line: [String]) throws -> JSON {
        try mesh.envoy(line + ["--once"])["policy_pass"]["report"]
    }

    private func memory(_ mesh: RealMesh, _ line: [String], _ state: String, _ report: inout Report) throws {
        let log = state + "/passes.jsonl"
        func noted() -> Int { (FileManager.default.contents(atPath: log) ?? Data()).count { $0 == 0x0A } }
        let before = noted()
        let pid = try mesh.startEnvoy(line + ["--interval", "0.5"])
        defer {
            kill(pid, SIGTERM)
            _ = Program.wait(pid, seconds: 20)
        }
        guard (RealMesh.wait(seconds: 60, every: 50) { noted() >= before + 5 }) else {
            throw BenchFailure("the agent makes no passes")
        }
        let resident = Program.memoryBytes(Int(pid), "VmRSS") / 1_048_576
        report.value("resident memory of the agent after five passes", resident, "MiB", aim: .atMost(30, "30"))
        report.value("  at its most", Program.memoryBytes(Int(pid), "VmHWM") / 1_048_576, "MiB")
    }
}
