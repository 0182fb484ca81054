import Foundation
import Testing

/// A mesh that follows a git repository, shared by the tests of one suite: a partition with a standby, and another one.
/// Each test leaves it whole; `ready` sees to it.
final class PolicyWorld {
    /// A secret of the south that is looked for where it must not be; the north has another one under that name.
    static let canary = "canary-9d41e07ab3-value"
    static let other = "of-the-north-55c0e1"

    let mesh: RealMesh
    let stack: StackRepository
    /// Machines by the partition that owns them, in the order in which they were enrolled.
    private(set) var machines: [String: [PolicyMachine]] = [:]
    /// A machine of the south that asked for nothing but its admission: the first of all.
    private(set) var silent: PolicyMachine?
    private var enrolled = 0

    var north: [RealMesh.Bolt] { mesh.bolts.filter { $0.partition == "north" } }
    var south: RealMesh.Bolt { mesh.bolts.filter { $0.partition == "south" }[0] }

    /// Starts it all, with the first revision in force.
    init() throws {
        mesh = try RealMesh(["north", "north", "south"])
        do {
            stack = try StackRepository(below: mesh.folder)
            try stack.publish(Self.stack(greeting: "first"), "the first")
            try mesh.up(
                ["policy.source=git", "policy.git_url=file://\(stack.remote)", "policy.git_branch=main"]
                    + ["policy.poll_seconds=1"], options: ["--sealed"])
            try mesh.waitForSync(of: "north", bolts: 2)
            try mesh.done("topology", "apply", mesh.topology, "--yes", "--reason", "the first")
            for (partition, value) in [("north", Self.other), ("south", Self.canary)] {
                let put = try Command.run(
                    "boltctl", ["secret", "put", "db/password", "--partition", partition, "--reason", "trial"],
                    environment: mesh.environment, input: value)
                try #require(put.status == 0, "\(put)")
            }
            silent = try machine(of: "south")
        } catch {
            mesh.remove()
            throw error
        }
    }

    /// The stack of these tests, with what of it changes.
    static func stack(greeting: String, more: [String: String] = [:]) -> [String: String] {
        let base = [
            "stack.yaml": "stack: trial\n",
            "layers/10-base.yaml": """
            layer: base
            vars:
              greeting: \(greeting)
            resources:
              - directory: /etc
              - directory: /etc/site
              - file: /etc/site/greeting
                content: "{{vars.greeting}}\\n"
                requires: ["directory:/etc/site"]
              - file: /etc/site/generation
                content: "{{vars.greeting}} {{traits.custom.generation}}\\n"
                requires: ["directory:/etc/site"]
              - file: /etc/site/password
                content: "password={{secret:db/password}}\\n"
                mode: 0600
                requires: ["directory:/etc/site"]
            """,
        ]
        return base.merging(more) { $1 }
    }

    // MARK: Machines

    /// A machine of a partition that no test has used yet. Its trait `custom.generation` is 0.
    func machine(of partition: String) throws -> PolicyMachine {
        while true {
            if let free = machines[partition], !free.isEmpty {
                machines[partition] = Array(free.dropFirst())
                return free[0]
            }
            try enrolMore()
        }
    }

    /// Enrols some at once: whose each is, its id decides.
    private func enrolMore() throws {
        try #require(enrolled < 200, "no machine of the partition among \(enrolled)")
        let token = try mesh.token("--uses", "4")
        for _ in 0..<4 {
            enrolled += 1
            let name = "web-\(enrolled)"
            try mesh.enroll(name, token: token, at: mesh.bolts[enrolled % mesh.bolts.count])
            let shown = try mesh.done("envoy", "show", name, "-o", "json").json?["envoy"] as? [String: Any]
            let owner = try #require(shown?["owner"] as? String, "\(String(describing: shown))")
            let machine = try PolicyMachine(mesh, name: name, owner: owner)
            try machine.tell("generation", "0")
            machines[owner, default: []].append(machine)
        }
    }

    // MARK: The mesh

    /// Everything runs, has a primary and its standby, and follows the repository.
    func ready(location: SourceLocation = #_sourceLocation) throws {
        for bolt in mesh.bolts where !bolt.isRunning { try mesh.launch(bolt) }
        try mesh.waitForSync(of: "north", bolts: 2, seconds: 60, location: location)
        try mesh.waitForSync(of: "south", bolts: 1, seconds: 60, location: location)
    }

    /// kill −9 of all bolts.
    func crashAll() throws { for bolt in mesh.bolts where bolt.isRunning { try mesh.crash(bolt) } }

    /// How a partition's stack stands.
    func status(of partition: String) throws -> [String: Any] {
        let output = try mesh.ctl("stack", "status", "--partition", partition, "-o", "json")
        let stacks = output.json?["stacks"] as? [[String: Any]]
        return try #require(stacks?.first, "\(output)")
    }

    /// Commits a stack, and waits until it is in force in these partitions.
    func publish(
        _ files: [String: String], in partitions: [String] = ["north", "south"], seconds: TimeInterval = 20,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let commit = try stack.publish(files)
        for partition in partitions {
            try look(partition)
            try waitUntil("\(commit) is in force in \(partition)", seconds: seconds, location: location) {
                let status = try self.status(of: partition)
                let revision = (status["in_force"] as? [String: Any])?["revision"] as? String
                guard revision != commit else { return true }
                throw Unheard(what: "\(revision ?? "nothing"); \(status["rejected"] ?? ""); \(status["source"] ?? "")")
            }
        }
    }

    /// A partition looks at its source now, whatever came of looks before; that it may refuse what is there is told by
    /// its status.
    func look(_ partition: String) throws {
        _ = try mesh.ctl("stack", "publish", "--source", "--partition", partition, "--yes", "--reason", "test")
    }

    /// Codes of the alarms that the north's primary shows.
    func alarms() throws -> Set<String> {
        let status = try mesh.ctl("status", "--bolt", try mesh.primary(of: "north").address, "-o", "json")
        let all = status.json?["alarms"] as? [[String: Any]] ?? []
        return Set(all.compactMap { $0["code"] as? String })
    }

    /// What its bolts wrote last.
    func showLogs() {
        for bolt in mesh.bolts {
            let text = bolt.log + (mesh.launched[bolt.name].map { "\n-- started again\n\($0.text)" } ?? "")
            print("--- \(bolt.name)\n" + text.split(separator: "\n").suffix(25).joined(separator: "\n"))
        }
    }
}

/// The world of a suite, made before its first test and ended after its last one.
struct SharedPolicyWorld: SuiteTrait, TestScoping {
    /// Tests of one suite follow each other, so that one of them has it at a time.
    fileprivate struct Lent: @unchecked Sendable {
        let world: PolicyWorld
    }

    @TaskLocal fileprivate static var lent: Lent?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let world = try PolicyWorld()
        defer { world.mesh.remove() }
        try await Self.$lent.withValue(Lent(world: world)) { try await function() }
    }
}

extension Trait where Self == SharedPolicyWorld {
    /// One mesh with a git repository for all tests of a suite.
    static var sharedPolicyWorld: Self { Self() }
}

/// Runs a test's body with the world of its suite, whole. Logs are shown where it failed.
func inPolicyWorld<Result>(_ body: (PolicyWorld) throws -> Result) throws -> Result {
    let world = try #require(SharedPolicyWorld.lent?.world, "the suite has the trait .sharedPolicyWorld")
    do {
        try world.ready()
        return try body(world)
    } catch {
        world.showLogs()
        throw error
    }
}
