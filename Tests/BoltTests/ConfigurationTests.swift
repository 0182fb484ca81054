import Spanner
import Testing

@testable import Bolt

/// Configuration: file, then environment, then flags; everything that is wrong is told at once.
@Suite struct ConfigurationTests {
    private let minimal = "mesh: {name: acme}\nbolt: {name: b1, partition: east}\n"

    private func load(
        _ file: String?, environment: [String: String] = [:], flags: [(key: String, value: String)] = []
    ) -> Result<BoltConfiguration, ConfigurationError> {
        Result { () throws(ConfigurationError) in
            try BoltConfiguration(file: file, environment: environment, flags: flags)
        }
    }

    private func violations(_ file: String) -> [ConfigurationViolation] {
        guard case .failure(let error) = load(file) else { return [] }
        return error.violations
    }

    @Test func aMinimalFileHasTheDefaultsOfTheContract() throws {
        let configuration = try load(minimal).get()
        #expect(configuration.fullName == "b1.east")
        #expect(configuration.listenPort == 7440)
        #expect(configuration.opsAddress == "127.0.0.1")
        #expect(configuration.opsPort == 7441)
        #expect(configuration.stateDirectory == "/var/lib/bolt")
        #expect(configuration.genesisFile == "/etc/bolt/identity/genesis.json")
        #expect(configuration.gossip.roundInterval == .seconds(1))
    }

    @Test func environmentWinsOverTheFileAndFlagsOverBoth() throws {
        let file = minimal + "listen: {port: 1000}\nlog: {level: error}\nops: {port: 3}\n"
        let environment = ["BOLT_LISTEN_PORT": "2000", "BOLT_LOG_LEVEL": "debug", "PATH": "/bin"]
        let configuration = try load(file, environment: environment, flags: [("log.level", "trace")]).get()
        #expect(configuration.listenPort == 2000)
        #expect("\(configuration.logLevel)" == "trace")
        #expect(configuration.opsPort == 3)
        #expect(configuration.report.contains("environment, BOLT_LISTEN_PORT"))
        #expect(configuration.report.contains("(flag)"))
        #expect(configuration.report.contains("file, line 5"))
    }

    @Test func allViolationsAreToldAtOnceWithKeyValueAndRule() {
        let found = violations("mesh: {name: ACME}\nbolt: {name: b1}\nlisten: {port: 70000}\nlog: {format: xml}\n")
        #expect(found.map(\.key).sorted() == ["bolt.partition", "listen.port", "log.format", "mesh.name"])
        #expect(
            found.contains {
                $0.description == "listen.port = \"70000\" (file, line 3): must be a whole number from 0 to 65535"
            })
        #expect(found.contains { $0.value == nil && $0.key == "bolt.partition" })
    }

    @Test(arguments: [
        ("listen: {prot: 1}", "listen.port"), ("stat: {directory: /x}", "state.directory"),
        ("gossip: {round_intervall_ms: 5}", "gossip.round_interval_ms"),
    ])
    func anUnknownKeyNamesTheNearest(_ line: String, _ nearest: String) {
        let found = violations(minimal + line + "\n")
        #expect(found.count == 1)
        #expect(found.first?.rule.contains(nearest) == true)
        #expect(found.first?.isUnknown == true)
        #expect(found.first?.description.contains("\"\"") == false)
    }

    @Test func anUnknownKeyIsToldWithItsLineAndWithoutAValue() {
        #expect(
            violations(minimal + "listen: {prot: 1}\n").map(\.description)
                == ["listen.prot (file, line 3): there is no such setting; the nearest is listen.port"])
        #expect(
            violations(minimal + "log:\n  level: info\nlistn: 5\n").map(\.description)
                == ["listn (file, line 5): there is no such setting; the nearest is listen.port"])
        #expect(
            violations(minimal + "listen: 5\n").map(\.description)
                == ["listen = \"…\" (file, line 3): must be a mapping of settings"])
    }

    @Test(arguments: [
        ("listen: {port: 9000, address: 127.0.0.1}\nops: {port: 9000}", true),
        ("listen: {port: 9000}\nops: {port: 9000}", true), ("listen: {port: 0}\nops: {port: 0}", false),
        ("listen: {port: 9000, address: 127.0.0.1}\nops: {port: 9000, address: 127.0.0.2}", false),
    ])
    func theTwoListenersCannotShareAPort(_ lines: String, _ clash: Bool) {
        #expect(violations(minimal + lines + "\n").map(\.key) == (clash ? ["ops.port"] : []))
    }

    @Test func anUnknownVariableOrFlagIsAnError() {
        guard case .failure(let error) = load(minimal, environment: ["BOLT_LISTEN_PROT": "1"], flags: [("x.y", "1")])
        else {
            Issue.record("unknown settings were taken")
            return
        }
        #expect(error.violations.map(\.key) == ["BOLT_LISTEN_PROT", "x.y"])
        #expect(error.violations[0].rule.contains("listen.port"))
    }

    @Test(arguments: ["listen: [1, 2]", "listen: {port: {a: 1}}", "listen: {port: [1]}", "listen: 5", "- a"])
    func whatHasNotTheShapeOfSectionsIsAnError(_ line: String) {
        guard case .failure = load(line == "- a" ? line : minimal + line + "\n") else {
            Issue.record("taken: \(line)")
            return
        }
    }

    @Test func relationsBetweenSettingsAreChecked() {
        let found = violations(minimal + "gossip: {round_interval_ms: 1000, freeze_timeout_ms: 1500}\n")
        #expect(found.map(\.key) == ["gossip"])
    }

    @Test func listsComeAsSequencesOrWithCommas() throws {
        let sequence = try load(minimal + "peers:\n  seeds: [\"a:1\", \"b:2\"]\n").get()
        let commas = try load(minimal, environment: ["BOLT_PEERS_SEEDS": "a:1, b:2"]).get()
        #expect(sequence.seeds == ["a:1", "b:2"])
        #expect(commas.seeds == sequence.seeds)
        #expect(violations(minimal + "peers: {seeds: [nowhere]}\n").map(\.key) == ["peers.seeds"])
    }

    /// A trap for settings that were added and forgotten: each is in the report, and each default obeys its own rule.
    @Test func eachDefaultObeysItsRule() throws {
        let report = try load(minimal).get().report
        for setting in Setting.all {
            #expect(report.contains(setting.key))
            if let fallback = setting.fallback { #expect(setting.accepts(fallback), "\(setting.key)") }
        }
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
    }
}
