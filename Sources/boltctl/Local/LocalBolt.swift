import BoltAPI
import Foundation
import Spanner

/// One bolt of a local mesh: its place on disk and its process.
struct LocalBolt: Sendable {
    let partition: PartitionName
    let bolt: Topology.Bolt
    /// Everything of this bolt is below it.
    let directory: String
    /// Where it listens, where that is not the address that others know.
    var listen: String?

    var fullName: String { "\(bolt.name).\(partition)" }
    var identityDirectory: String { "\(directory)/identity" }
    var stateDirectory: String { "\(directory)/state" }
    var configPath: String { "\(directory)/bolt.yaml" }
    var logPath: String { "\(directory)/bolt.log" }
    var pidPath: String { "\(directory)/bolt.pid" }
    /// The configuration that the process of `pidPath` was started with.
    var startedPath: String { "\(directory)/bolt.started.yaml" }

    /// The folder of a bolt below `bolts/`: `north-a`. Where a hyphen in a name would let two bolts have the same one,
    /// a dot parts them, which no name holds.
    static func folder(_ partition: PartitionName, _ name: BoltName) -> String {
        "\(partition)\("\(partition)\(name)".contains("-") ? "." : "-")\(name)"
    }

    /// The bolt that a folder of a mesh's directory is of: its configuration says so.
    init?(folder directory: String) {
        let path = "\(directory)/bolt.yaml"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            case .object(let document)? = try? YAMLText.value(of: text), case .object(let own)? = document["bolt"],
            let partition = own["partition"]?.text.flatMap({ PartitionName($0) }),
            let name = own["name"]?.text.flatMap({ BoltName($0) })
        else { return nil }
        self.init(
            partition: partition, bolt: Topology.Bolt(name: name, address: "", ops: "", zone: nil),
            directory: directory)
    }

    init(partition: PartitionName, bolt: Topology.Bolt, directory: String, listen: String? = nil) {
        (self.partition, self.bolt, self.directory, self.listen) = (partition, bolt, directory, listen)
    }

    /// The daemon's arguments, which also tell its process from others.
    var arguments: [String] { ["run", "--config", configPath] }

    /// The process that runs this bolt now, if one does.
    var runningPID: pid_t? {
        guard let text = try? String(contentsOfFile: pidPath, encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)),
            ChildProcess.isRunning(pid, arguments: arguments)
        else { return nil }
        return pid
    }

    /// Its configuration as it is on disk; nil where there is none.
    var configured: String? { try? String(contentsOfFile: configPath, encoding: .utf8) }

    /// The configuration that its process runs with, as far as is known: what it was started with from here, else
    /// `before`, what its file said until now.
    func inForce(before: String?) -> String? {
        guard runningPID != nil else { return before }
        return (try? String(contentsOfFile: startedPath, encoding: .utf8)) ?? before
    }

    /// A process that runs this bolt and that was not started from here; nil where none does.
    var strangerPID: pid_t? {
        guard runningPID == nil, let pid = ChildProcess.running(configuration: configPath) else { return nil }
        return pid
    }

    /// Forgets the process that was started last where it is gone: its id may be anybody's by now.
    func forgetEnded() {
        guard runningPID == nil, hasEnded else { return }
        try? FileManager.default.removeItem(atPath: pidPath)
    }

    /// Whether the process that was started last is gone. While a wrapper is still making way for it, it is not.
    var hasEnded: Bool {
        guard let text = try? String(contentsOfFile: pidPath, encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return true }
        return ChildProcess.isGone(pid)
    }

    /// Starts the daemon. `prefix` is a program with arguments that runs it, for a network of its own.
    func start(_ program: String, prefix: [String] = []) throws -> pid_t {
        let command = prefix + [program] + arguments
        if let text = configured { try text.write(toFile: startedPath, atomically: true, encoding: .utf8) }
        let pid = try ChildProcess.start(command[0], Array(command.dropFirst()), log: logPath)
        try "\(pid)\n".write(toFile: pidPath, atomically: true, encoding: .utf8)
        return pid
    }

    /// Asks the process to end and waits for it; gives whether it did.
    func stop(seconds: Double) async throws -> Bool {
        guard let pid = runningPID else { return true }
        kill(pid, SIGTERM)
        let gone: Bool? = try await Waiting.until(seconds: seconds) { runningPID == nil ? true : nil }
        if gone != nil { try? FileManager.default.removeItem(atPath: pidPath) }
        return gone != nil
    }

    /// The last lines of the log, for an error.
    func logTail(lines: Int = 6) -> String {
        let text = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// The daemon's configuration; `settings` are added to it, or win over what it says.
    func configuration(
        mesh: String, seeds: [String], topology: String? = nil, keyFile: String? = nil, settings: [LocalSetting] = []
    ) -> String {
        let (host, port) = Self.split(listen ?? bolt.address)
        let (opsHost, opsPort) = Self.split(bolt.ops)
        var sections: [String: JSONValue] = [
            "mesh": .object(["name": .string(mesh)]),
            "listen": .object([
                "address": .string(host), "port": .integer(Int64(port)), "advertise": .string(bolt.address),
            ]),
            "ops": .object(["address": .string(opsHost), "port": .integer(Int64(opsPort))]),
            "state": .object(["directory": .string(stateDirectory)]),
            "identity": .object(["directory": .string(identityDirectory)]),
            "peers": .object(["seeds": .array(seeds.map { .string($0) })]),
        ]
        var own: [String: JSONValue] = ["name": .string(bolt.name.text), "partition": .string(partition.text)]
        if let keyFile { sections["seal"] = .object(["key_file": .string(keyFile)]) }
        if let topology { sections["topology"] = .object(["file": .string(topology)]) }
        if let zone = bolt.zone { own["zone"] = .string(zone) }
        sections["bolt"] = .object(own)
        for setting in settings {
            var section: [String: JSONValue] = [:]
            if case .object(let present)? = sections[setting.section] { section = present }
            section[setting.name] = .string(setting.value)
            sections[setting.section] = .object(section)
        }
        return YAMLText.text(of: .object(sections))
    }

    static func split(_ address: String) -> (host: String, port: Int) {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            return (address, 0)
        }
        return (address[..<colon].trimmingCharacters(in: ["[", "]"]), port)
    }
}

/// One setting that an operator adds to the bolts of a local mesh.
struct LocalSetting: Hashable, Sendable {
    let section: String
    let name: String
    let value: String

    /// `section.key`.
    var key: String { "\(section).\(name)" }

    /// From `section.key=value`; nil for anything else. Whether a bolt knows the key is the bolt's to say.
    init?(_ text: String) {
        guard let equals = text.firstIndex(of: "="), let dot = text[..<equals].firstIndex(of: ".") else { return nil }
        section = String(text[..<dot])
        name = String(text[text.index(after: dot)..<equals])
        value = String(text[text.index(after: equals)...])
        guard !section.isEmpty, !name.isEmpty else { return nil }
    }
}
