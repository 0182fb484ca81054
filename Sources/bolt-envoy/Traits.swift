import ArgumentParser
import BoltAPI
import Envoy
import Foundation

/// `bolt-envoy traits`
struct Traits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the facts of this machine, as they are reported and as its policy sees them.",
        discussion: """
            Facts of its own: each executable in --traits prints JSON, which is the trait custom.NAME. One that fails, \
            hangs or prints anything else is told under custom_failed.NAME.
            """)

    @Option(name: .customLong("traits"), help: "Folder of executables that print facts of this machine as JSON.")
    var directory = TraitsDocument.directoryDefault

    func run() async throws {
        let traits = await TraitsDocument(directory: directory).gather()
        print(try OutputOptions.json(traits))
    }
}
