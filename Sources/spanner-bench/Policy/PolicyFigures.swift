import Foundation
import LoopbackKit

/// What policy costs a bolt: signatures a version, check-ins of envoys that hold what they are to have, with few and
/// many rules and beside nginx. Then the agent's own figures, and a bundle for many.
struct PolicyFigures {
    let settings: BenchSettings
    /// Envoys that a version is for.
    private let envoys = 200
    /// Versions that are made.
    private let versions = 5
    /// Rules of a small stack and of a large one.
    private let rules = (few: 10, many: 10_000)
    private let rounds = 3

    func measure(_ report: inout Report) throws {
        let mesh = try RealMesh(bolts: 1, settings: settings)
        try signatures(mesh, &report)
        try checkIns(mesh, &report)
        try AgentFigures(settings: settings).measure(mesh, &report)
        try BundleFigures(settings: settings).measure(&report)
    }

    // MARK: Signatures

    /// Heads that were signed, and versions that were made.
    private func counts(_ mesh: RealMesh) throws -> (heads: Double, versions: Double) {
        let text = try mesh.metrics(0)
        return (
            PlainHTTP.metric("bolt_policy_signatures_total", label: "kind=\"head\"", in: text),
            PlainHTTP.metric("bolt_policy_versions_total", in: text)
        )
    }

    /// Each version is signed once, whoever it is for. An admission on its way counts too: the least of all versions is
    /// told. Beacons, which say which version is the newest, are counted apart: they come by time.
    private func signatures(_ mesh: RealMesh, _ report: inout Report) throws {
        _ = try mesh.enrol(envoys, prefix: "signed", concurrency: 16)
        var made = Series()
        var leaf: String?
        for number in 1...versions {
            let before = try counts(mesh)
            try mesh.publish(try BenchStack(rules: number, in: mesh.scratch))
            leaf = try mesh.leaf(of: "signed-1", unless: leaf).hash
            let after = try counts(mesh)
            guard after.versions > before.versions else { throw BenchFailure("publishing made no version") }
            made.values.append((after.heads - before.heads) / (after.versions - before.versions))
        }
        report.value(
            "signatures a version for \(envoys) envoys, least of \(versions)", made.least, "", aim: .atMost(1, "1"))
    }

    // MARK: Check-ins

    private func checkIns(_ mesh: RealMesh, _ report: inout Report) throws {
        guard let curl = Program.find("curl") else { return report.note("SKIPPED: check-ins need curl") }
        let token = try mesh.control(["envoy", "token", "create"])
        guard let text = token["token"].text else { throw BenchFailure("no token in the answer") }
        let (name, state) = ("bench-1", mesh.scratch.file("bench-1"))
        _ = try mesh.envoy(["enroll", "--token", text, "--state", state, "--name", name])
        let client = try CheckInFigures.Client(state: state, scratch: mesh.scratch)
        let figures = CheckInFigures(settings: settings)
        let stacks = try [rules.few, rules.many].map { try BenchStack(rules: $0, in: mesh.scratch) }
        var (used, leaf) = ([Series(), Series()], String?.none)
        for _ in 0..<rounds {
            for (place, stack) in stacks.enumerated() {
                try mesh.publish(stack)
                leaf = try hold(client, mesh, name, unless: leaf)
                let outcome = try figures.over(curl, client, checkInURL(mesh), [mesh.members[0].pid])
                if outcome.failed > 0 { report.note("  \(outcome.failed) check-ins FAILED") }
                used[place].values.append(1 / outcome.perCore)
            }
        }
        report.times("processor time of an unchanged check-in, \(rules.few) rules", used[0])
        report.times("  \(rules.many) rules", used[1], control: ("\(rules.few) rules", used[0]))
        let ratio = used[1].median / used[0].median
        report.value("  ratio", ratio, "× \(rules.few) rules", aim: .atMost(1.1, "1.1"))

        guard let ab = Program.find("ab"), let nginx = Program.find("nginx") else {
            return report.note("SKIPPED: beside nginx: needs ab (apache2-utils) and nginx (nginx-light)")
        }
        let peer = try Nginx(nginx, mesh.scratch, root: "\(state)/identity/root.crt")
        try figures.compare(
            client, (ab, curl), bolt: (checkInURL(mesh), mesh.members[0].pid), peer, aims: (3, 0.5), &report)
    }

    private func checkInURL(_ mesh: RealMesh) -> String { "https://\(mesh.members[0].address)/v1/checkin" }

    /// The client says from now on that it holds what it is to have; a bolt has to agree. Gives what that is.
    private func hold(
        _ client: CheckInFigures.Client, _ mesh: RealMesh, _ name: String, unless before: String?
    ) throws -> String {
        let leaf = try mesh.leaf(of: name, unless: before)
        try client.say(held: leaf.hash, sequence: leaf.sequence)
        guard let curl = Program.find("curl") else { return leaf.hash }
        let answer = try Program.output(
            curl,
            [
                "-sS", "-k", "--http1.1", "--cert", client.identity, "-H", "content-type: application/json", "-d",
                "@\(client.body)", checkInURL(mesh),
            ])
        guard JSON(answer)["policy"]["state"].text == "current" else {
            throw BenchFailure("the bolt does not call it current: \(answer.prefix(400))")
        }
        return leaf.hash
    }
}
