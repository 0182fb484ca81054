import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Spanner
import SpannerStore

/// `bolt-envoy status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows who this envoy is, what waits in its queue, and until when its certificate is valid.")

    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    private struct Shown: Encodable {
        var profile: EnvoyDirectory.Profile
        var waiting: Int?
        var certificateEnds: String

        enum CodingKeys: String, CodingKey {
            case profile, waiting
            case certificateEnds = "certificate_not_after"
        }
    }

    func run() throws {
        let directory = EnvoyDirectory(state.state)
        do {
            let profile = try directory.profile()
            let identity = try EnvoyIdentity.load(directory: directory.identityPath)
            let ends = "\(identity.credential.own.notAfter)"
            let waiting = try waiting(in: directory)
            try Report.data(
                Shown(profile: profile, waiting: waiting, certificateEnds: ends), output.format,
                lines: [
                    "name         \(profile.name)", "id           \(profile.id)", "issuer       \(profile.partition)",
                    "group        \(profile.group.map { "\($0)" } ?? "-")",
                    "waiting      \(waiting.map { "\($0)" } ?? "unknown (running)")", "certificate  until \(ends)",
                    "bolts        \(profile.bolts.map(\.address).joined(separator: ", "))",
                ])
        } catch {
            throw Report.failure(error, doing: "show the agent's state", output.format)
        }
    }
}

extension Status {
    /// How many results wait; nil where the running agent has the queue.
    private func waiting(in directory: EnvoyDirectory) throws(StoreError) -> Int? {
        do {
            let queue = try directory.openQueue()
            let count = try queue.held().items
            try queue.close()
            return count
        } catch {
            guard error.code == .locked else { throw error }
            return nil
        }
    }
}

/// `bolt-envoy traits`
struct Traits: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the facts of this machine, as they are reported.")

    func run() throws {
        print(String(decoding: try APIJSON.encode(MachineTraits.gather(), pretty: true), as: UTF8.self))
    }
}

/// `bolt-envoy rekey`
struct Rekey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives this envoy a new TLS key, signed on by the old one; its id and its queue stay.")

    @Flag(help: "Say what would be done; nothing is made or sent.")
    var dryRun = false
    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let directory = EnvoyDirectory(state.state)
        do {
            let profile = try directory.profile()
            guard !dryRun else {
                Report.note("would ask \(profile.bolts.map(\.address).joined(separator: ", ")) for a new key; dry run")
                return
            }
            let response = try await Rekeyer(directory: directory).rekey(bolts: profile.bolts)
            let identity = try EnvoyIdentity.load(directory: directory.identityPath)
            try Report.data(
                response, output.format,
                lines: ["\(profile.name) goes on with key \(identity.credential.own.fingerprint) (\(response.level))"])
        } catch {
            throw Report.failure(error, doing: "change the envoy's key", output.format)
        }
    }
}
