import ArgumentParser
import Bolt
import enum BoltAPI.StandardStream
import enum BoltAPI.TerminalText
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// The server of a mesh.
@main
struct BoltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt",
        abstract: "A server of a mesh: it knows who is admitted, and serves envoys and operators.",
        discussion: """
            EXAMPLES:
              bolt check-config --config /etc/bolt/bolt.yaml
              bolt run --config /etc/bolt/bolt.yaml
              bolt run --config bolt.yaml --set listen.port=7450 --log-format json
            """,
        version: BoltVersion.text, subcommands: [Run.self, CheckConfig.self, Version.self])
}

/// Where settings come from.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "The configuration file.")
    var config = "/etc/bolt/bolt.yaml"
    @Option(name: .customLong("set"), help: "A setting as section.key=value; wins over file and environment.")
    var settings: [String] = []
    @Option(help: "Form of log lines: text or json.")
    var logFormat: String?
    @Option(help: "Least level that is logged: trace, debug, info, notice, warning, error, critical.")
    var logLevel: String?

    /// Reads everything; prints all that is wrong and exits with 64 where anything is.
    func load() throws -> BoltConfiguration {
        var flags: [(key: String, value: String)] = []
        for setting in settings {
            guard let equals = setting.firstIndex(of: "=") else {
                throw ValidationError("--set takes section.key=value, not \(setting)")
            }
            flags.append((String(setting[..<equals]), String(setting[setting.index(after: equals)...])))
        }
        if let logFormat { flags.append(("log.format", logFormat)) }
        if let logLevel { flags.append(("log.level", logLevel)) }
        guard let data = FileManager.default.contents(atPath: config) else {
            fail("the configuration file \(config) cannot be read; name another with --config", status: 64)
        }
        do {
            return try BoltConfiguration(
                file: String(decoding: data, as: UTF8.self), environment: ProcessInfo.processInfo.environment,
                flags: flags)
        } catch {
            fail("\(error)", status: 64)
        }
    }
}

/// Says why on standard error, and ends.
func fail(_ text: String, status: Int32) -> Never {
    StandardStream.error.write("bolt: \(TerminalText.block(text))\n")
    exit(status)
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server until SIGTERM or SIGINT.",
        discussion: """
            EXAMPLES:
              bolt run --config /etc/bolt/bolt.yaml
              BOLT_LOG_LEVEL=debug bolt run --config bolt.yaml
            """)
    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try options.load()
        signal(SIGPIPE, SIG_IGN)
        let daemon = BoltDaemon(configuration) { line in StandardStream.output.write(line + "\n") }
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [daemon], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "bolt.services") { _ in SwiftLogNoOpLogHandler() }))
        do { try await services.run() } catch { fail("\(error)", status: 1) }
    }
}

struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Print the settings in force with their origins, or everything that is wrong with them.",
        discussion: """
            EXAMPLES:
              bolt check-config --config /etc/bolt/bolt.yaml
            """)
    @OptionGroup var options: ConfigurationOptions

    func run() throws { print(try options.load().report) }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")
    func run() { print("bolt \(BoltVersion.text)") }
}
