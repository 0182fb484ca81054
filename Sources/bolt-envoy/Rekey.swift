import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Spanner

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
            try directory.requireEnrolled()
            let profile = try directory.profile()
            guard !dryRun else {
                note("would ask \(profile.bolts.map(\.address).joined(separator: ", ")) for a new key; dry run")
                return
            }
            let response = try await Rekeyer(directory: directory).rekey(bolts: profile.bolts)
            let identity = try EnvoyIdentity.load(directory: directory.identityPath)
            try output.emit(
                response,
                lines: ["\(profile.name) goes on with key \(identity.credential.own.fingerprint) (\(response.level))"])
        } catch {
            throw CommandFailure(error, doing: "change the envoy's key")
        }
    }
}
