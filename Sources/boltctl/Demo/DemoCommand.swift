import ArgumentParser
import BoltAPI

/// `boltctl demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "demo", abstract: "A mesh of real processes.")
    @OptionGroup var output: OutputOptions
    func run() async throws { Console.out("demo") }
}
