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
            server that is not of that mesh. Asking again after a failure is safe. A machine whose admission has ended \
            is enrolled anew, with new keys; what its queue holds is kept.

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
        let token = try TokenInput.read(token, file: tokenFile)
        try TokenInput.check(mesh, of: "--mesh")
        let name = try principalName()
        let labels = try labelTable()
        do {
            let directory = EnvoyDirectory(state.state)
            if dryRun { return tell(name, token, directory) }
            if directory.isEnrolled, try await remains(directory, token) { return }
            let enroller = Enroller(directory: directory, token: token, addresses: mesh)
            let response = try await admission(of: name, labels, by: enroller)
            try show(try directory.profile(), .active, "is admitted", level: response.level)
        } catch {
            throw CommandFailure(error, doing: "enrol this machine")
        }
    }

    private func tell(_ name: PrincipalName, _ token: JoinToken, _ directory: EnvoyDirectory) {
        if directory.isEnrolled {
            note("would ask the mesh whether the envoy in \(directory.path) still is admitted; dry run")
        } else {
            note("would enrol \(name) at \((mesh + token.addresses).joined(separator: ", ")); dry run")
        }
    }

    /// Asks until an answer is final or the time to wait for an operator is over.
    private func admission(
        of name: PrincipalName, _ labels: [String: String], by enroller: Enroller
    ) async throws -> EnrolResponse {
        let deadline = ContinuousClock.now + .seconds(timeout)
        while true {
            switch try await enroller.enroll(name: name, labels: labels) {
            case .admitted(let response): return response
            case .pending(let wait):
                guard ContinuousClock.now + wait < deadline else {
                    throw CommandFailure(
                        "needs_approval", "\(name) is not admitted yet", reason: "an operator has to approve it",
                        next: "ask again with the same command", status: .running)
                }
                output.progress("waiting for an operator's approval of \(name)")
                try await Task.sleep(for: wait)
            }
        }
    }

    // MARK: A machine that was enrolled before

    /// What is known of an admission, for scripts.
    private enum Standing: String, Encodable { case active, unknown }

    /// Shows an admission that stays as it is. False where it has ended and the machine was made ready for another.
    private func remains(_ directory: EnvoyDirectory, _ token: JoinToken) async throws -> Bool {
        let profile = try directory.profile()
        switch try await AdmissionCheck(directory: directory, addresses: mesh).ask(of: token.mesh) {
        case .inForce:
            output.progress("already enrolled; nothing changed (to enrol another envoy, give another --state)")
            try show(profile, .active, "is admitted")
        case .unknown(let failure):
            output.progress("already enrolled; no bolt could be asked whether it still is admitted: \(failure.reason)")
            try show(profile, .unknown, "was admitted")
        case .running(let pid, let history?) where history.isFailing && history.failure?.kind == .refused:
            throw CommandFailure(
                history.failure?.code ?? "refused", "enrol this machine: it is enrolled, and the mesh refuses it",
                reason: history.failure?.reason,
                next: "stop its agent (process \(pid.map { "\($0)" } ?? "unknown")), then enrol again",
                status: .notPermitted)
        case .running(let pid, let history):
            let isKnown = history?.stored != nil && history?.isFailing == false
            output.progress("already enrolled, its agent runs (process \(pid.map { "\($0)" } ?? "unknown"))")
            try show(profile, isKnown ? .active : .unknown, isKnown ? "is admitted" : "was admitted")
        case .refused(let failure):
            throw CommandFailure(report: failure, doing: "enrol this machine: it is enrolled, and the mesh refuses it")
        case .ended:
            let aside = try directory.setIdentityAside()
            output.progress("the admission of \(profile.name) has ended: enrolling anew; old keys are in \(aside)")
            return false
        }
        return true
    }

    private struct Shown: Encodable {
        var profile: EnvoyDirectory.Profile
        var standing: Standing
        var level: BoltAPI.AckLevel?

        enum CodingKeys: String, CodingKey { case standing, level }

        func encode(to encoder: any Encoder) throws {
            try profile.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(standing, forKey: .standing)
            try container.encodeIfPresent(level, forKey: .level)
        }
    }

    private func show(
        _ profile: EnvoyDirectory.Profile, _ standing: Standing, _ verb: String, level: BoltAPI.AckLevel? = nil
    ) throws {
        let group = profile.group.map { ", group \($0)" } ?? ""
        let safety = level.map { ", durable at \($0)" } ?? ""
        try output.emit(
            Shown(profile: profile, standing: standing, level: level),
            lines: ["\(profile.name) \(verb) as \(profile.id) (issuer \(profile.partition)\(group)\(safety))"])
    }

    // MARK: Arguments

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
