import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Spanner

/// `bolt-envoy enroll`
struct Enroll: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings this machine into the mesh with a join token.",
        discussion: """
            The keys are made here and never leave the machine. The token pins the mesh's root: nothing is sent to a \
            server that is not of that mesh. Asking again after a failure is safe.

              bolt-envoy enroll --token "$TOKEN"
              bolt-envoy enroll --mesh 127.0.0.1:7440 --token "$TOKEN" --state /tmp/envoy --name web-1
            """)

    @Option(help: "A bolt to ask first, host:port; may be given several times. Default: those of the token.")
    var mesh: [String] = []
    @Option(help: "The join token; default: the environment variable BOLT_TOKEN.")
    var token: String?
    @Option(help: "Read the token from this file; - is standard input.")
    var tokenFile: String?
    @Option(help: "Name of this machine, lower case; default: its host name.")
    var name: String?
    @Option(name: .customLong("label"), help: "KEY=VALUE; may be given several times.")
    var labels: [String] = []
    @Option(help: "Seconds to wait for an operator's approval, where the token asks for one.")
    var timeout = 300
    @Flag(help: "Say what would be done; nothing is made or sent.")
    var dryRun = false
    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...86_400).contains(timeout) else { throw ValidationError("--timeout is 0 to 86400 seconds") }
        _ = try labelTable()
        _ = try principalName()
    }

    mutating func run() async throws {
        let directory = EnvoyDirectory(state.state)
        let name = try principalName()
        let labels = try labelTable()
        do {
            let token = try JoinToken(try tokenText())
            guard !dryRun else {
                Report.note("would enrol \(name) at \((mesh + token.addresses).joined(separator: ", ")); dry run")
                return
            }
            if directory.isEnrolled {
                let profile = try directory.profile()
                Report.note("already enrolled; nothing changed (to enrol anew, give another --state)")
                try show(profile, level: nil)
                return
            }
            let enroller = Enroller(directory: directory, token: token, addresses: mesh)
            let deadline = ContinuousClock.now + .seconds(timeout)
            while true {
                switch try await enroller.enroll(name: name, labels: labels) {
                case .admitted(let response):
                    try show(try directory.profile(), level: response.level)
                    return
                case .pending(let wait):
                    guard ContinuousClock.now + wait < deadline else {
                        Report.note("waiting for an operator's approval; ask again with the same command")
                        throw ExitCode(ExitStatus.running.rawValue)
                    }
                    Report.note("waiting for an operator's approval of \(name)")
                    try await Task.sleep(for: wait)
                }
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Report.failure(error, doing: "enrol this machine", output.format)
        }
    }

    private struct Shown: Encodable {
        var profile: EnvoyDirectory.Profile
        var level: BoltAPI.AckLevel?

        enum CodingKeys: String, CodingKey { case level }

        func encode(to encoder: any Encoder) throws {
            try profile.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encodeIfPresent(level, forKey: .level)
        }
    }

    private func show(_ profile: EnvoyDirectory.Profile, level: BoltAPI.AckLevel?) throws {
        let group = profile.group.map { ", group \($0)" } ?? ""
        let safety = level.map { ", durable at \($0)" } ?? ""
        try Report.data(
            Shown(profile: profile, level: level), output.format,
            lines: ["\(profile.name) is admitted as \(profile.id) (issuer \(profile.partition)\(group)\(safety))"])
    }

    private func tokenText() throws -> String {
        if let token { return token }
        if let tokenFile {
            guard
                let data = tokenFile == "-"
                    ? try FileHandle.standardInput.read(upToCount: 64 * 1024)
                    : FileManager.default.contents(atPath: tokenFile)
            else {
                throw IdentityError(
                    .missingFile, what: "read the token", why: "\(tokenFile) cannot be read", next: "check the path")
            }
            return String(decoding: data, as: UTF8.self)
        }
        if let token = ProcessInfo.processInfo.environment["BOLT_TOKEN"] { return token }
        throw IdentityError(
            .badArgument, what: "find the join token", why: "none was given",
            next: "make one with boltctl envoy token create, give it with --token or BOLT_TOKEN")
    }

    private func principalName() throws -> PrincipalName {
        let text = name ?? ProcessInfo.processInfo.hostName.lowercased()
        guard let name = PrincipalName(text) else {
            throw ValidationError("“\(text)” is no name: lower-case letters, digits, hyphens and dots; give --name")
        }
        return name
    }

    private func labelTable() throws -> [String: String] {
        var table: [String: String] = [:]
        for label in labels {
            let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw ValidationError("“\(label)” is not KEY=VALUE") }
            guard table.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                throw ValidationError("label \(parts[0]) is given twice")
            }
        }
        return table
    }
}
