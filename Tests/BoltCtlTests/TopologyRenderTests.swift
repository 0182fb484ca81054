import ArgumentParser
import BoltAPI
import Foundation
import Spanner
import Testing

@testable import boltctl

/// Renderings: what runs a topology's bolts elsewhere. They are checked by what will read them, which script/bootstrap
/// installs: without it these tests fail.
@Suite struct TopologyRenderTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let topologies = ["local", "three-partitions", "four-partitions", "two-zones", "production"]
    private static let etcd = ["etcd.endpoints=https://etcd:2379", "etcd.ca_file=/etc/ssl/etcd/ca.pem"]

    private func bolts(_ name: String, program: String = "/usr/bin/bolt") throws -> RenderedBolts {
        let path = Self.root.appending(path: "topology/\(name).yaml").path
        return RenderedBolts(
            topology: try TopologyFile.topology(path), document: try TopologyFile.text(path), program: program,
            settings: Self.etcd.compactMap { LocalSetting($0) })
    }

    private func objects(
        _ bolts: RenderedBolts, image: String = "bolt:1", namespace: String = "mesh", etcdSecret: String? = nil
    ) throws -> KubernetesObjects {
        try KubernetesObjects(
            bolts,
            .init(image: image, namespace: namespace, storage: "10Gi", storageClass: nil, etcdSecret: etcdSecret))
    }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    private func scratch() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "render-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    // MARK: systemd

    @Test(arguments: topologies) func eachBoltHasAUnitAndAConfiguration(name: String) throws {
        let bolts = try bolts(name)
        let files = Dictionary(uniqueKeysWithValues: SystemdUnits(bolts).files.map { ($0.path, $0.text) })
        #expect(files.count == 2 + 2 * bolts.topology.bolts.count)
        for (partition, bolt) in bolts.topology.bolts {
            let unit = try #require(files["\(bolt.name).\(partition)/bolt.service"])
            #expect(unit.contains("\nExecStart=/usr/bin/bolt run --config /etc/bolt/bolt.yaml\n"))
            let yaml = try #require(files["\(bolt.name).\(partition)/bolt.yaml"])
            guard case .object(let sections) = try YAMLText.value(of: yaml), case .object(let own)? = sections["bolt"],
                case .object(let listen)? = sections["listen"]
            else {
                Issue.record("\(yaml)")
                return
            }
            #expect(own["name"] == .string(bolt.name.text) && own["partition"] == .string(partition.text))
            #expect(own["zone"]?.text == bolt.zone && listen["advertise"] == .string(bolt.address))
            // Settings of etcd stand where a partition has its lease there, and would be refused elsewhere.
            let isEtcd = bolts.topology.partitions.contains { $0.name == partition && $0.lease == .etcd }
            #expect((sections["etcd"] != nil) == isEtcd && (sections["lease"] != nil) == isEtcd)
        }
        let shared = try #require(files["topology.yaml"])
        #expect(TopologyDocument(parsing: shared, file: "x").topology == bolts.topology)
    }

    /// A program that script/bootstrap installs.
    private func tool(_ path: String) throws -> String {
        try #require(FileManager.default.isExecutableFile(atPath: path), "\(path) is missing: run script/bootstrap")
        return path
    }

    @Test(arguments: topologies) func systemdAcceptsTheUnits(name: String) throws {
        let analyzer = try tool("/usr/bin/systemd-analyze")
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        // A program has to be where the unit says: any will do.
        let files = SystemdUnits(try bolts(name, program: "/bin/true")).files
        let writer = RenderedWriter(directory: folder.path)
        try writer.write(files, writer.plan(files))
        let units = files.map(\.path).filter { $0.hasSuffix(".service") }
        for unit in units.prefix(2) {
            let (status, text) = try run(analyzer, ["verify", "--man=no", folder.appending(path: unit).path])
            #expect(status == 0 && !text.contains("bolt.service:"), "\(text)")
        }
    }

    @Test("the agent's unit is one that systemd takes, waits for and watches")
    func systemdAcceptsTheAgentsUnit() throws {
        let analyzer = try tool("/usr/bin/systemd-analyze")
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "packaging/systemd/bolt-envoy.service")
        let text = try String(contentsOf: source, encoding: .utf8)
        for line in ["Type=notify", "WatchdogSec=180", "StateDirectory=bolt-envoy"] {
            #expect(text.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        // A program has to be where the unit says: any will do.
        let unit = folder.appending(path: "bolt-envoy.service")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.replacingOccurrences(of: "/usr/local/bin/bolt-envoy", with: "/bin/true")
            .write(to: unit, atomically: true, encoding: .utf8)
        let (status, told) = try run(analyzer, ["verify", "--man=no", unit.path])
        #expect(status == 0 && !told.contains("bolt-envoy.service:"), "\(told)")
    }

    private func run(_ program: String, _ arguments: [String]) throws -> (Int32, String) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    // MARK: Kubernetes

    /// The objects of a rendering, as a reader of YAML sees them.
    private func values(_ objects: KubernetesObjects) throws -> [[String: JSONValue]] {
        try objects.files.flatMap { file in
            try file.text.split(separator: "\n---\n").map { text in
                guard case .object(let value) = try YAMLText.value(of: String(text)) else {
                    throw CommandFailure("not_an_object", "\(text)")
                }
                return value
            }
        }
    }

    private func at(_ value: [String: JSONValue], _ path: String...) -> JSONValue? {
        var value: JSONValue? = .object(value)
        for part in path {
            if case .object(let members)? = value {
                value = members[part]
            } else if case .array(let parts)? = value, let index = Int(part), parts.indices.contains(index) {
                value = parts[index]
            } else {
                return nil
            }
        }
        return value
    }

    @Test(arguments: topologies) func eachBoltIsASetOfOneAndEachPartitionHasABudget(name: String) throws {
        let bolts = try bolts(name)
        let all = try values(objects(bolts))
        func kind(_ kind: String) -> [[String: JSONValue]] { all.filter { $0["kind"]?.text == kind } }
        #expect(kind("Namespace").count == 1 && kind("PodDisruptionBudget").count == bolts.topology.partitions.count)
        for name in ["StatefulSet", "Service", "ConfigMap"] { #expect(kind(name).count == bolts.topology.bolts.count) }
        let names = all.compactMap { object in
            at(object, "metadata", "name")?.text.map { "\(object["kind"]?.text ?? "")/\($0)" }
        }
        #expect(Set(names).count == all.count)
        for set in kind("StatefulSet") {
            #expect(at(set, "spec", "template", "metadata", "labels") == at(set, "spec", "selector", "matchLabels"))
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                let port = at(set, "spec", "template", "spec", "containers", "0", probe, "httpGet", "port")
                #expect(port?.text == "ops")
            }
            let rule = "requiredDuringSchedulingIgnoredDuringExecution"
            let apart = at(set, "spec", "template", "spec", "affinity", "podAntiAffinity", rule, "0", "topologyKey")
            #expect(apart?.text == "kubernetes.io/hostname")
            let partition = at(set, "metadata", "labels", "bolt.mesh/partition")?.text
            let bolt = at(set, "metadata", "labels", "bolt.mesh/bolt")?.text
            let zone = bolts.topology.bolts.first { $0.partition.text == partition && $0.bolt.name.text == bolt }?.bolt
                .zone
            let placed = at(
                set, "spec", "template", "spec", "affinity", "nodeAffinity", rule, "nodeSelectorTerms", "0",
                "matchExpressions", "0", "values", "0")
            #expect(placed?.text == zone && zone != nil)
        }
    }

    /// Checked by Kubernetes' own schemas, with PyPI's kubernetes-validate.
    @Test(arguments: topologies) func kubernetesAcceptsTheObjects(name: String) throws {
        let validator = try tool(Self.root.appending(path: ".build/tools/bin/kubernetes-validate").path)
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try objects(bolts(name), etcdSecret: "etcd-client").files
        let writer = RenderedWriter(directory: folder.path)
        try writer.write(files, writer.plan(files))
        let paths = files.map { folder.appending(path: $0.path).path }
        let (status, text) = try run(validator, ["--strict", "--quiet"] + paths)
        #expect(status == 0, "\(text)")
        // It reads what it is given: an object with a member that Kubernetes does not know is refused.
        let stray = folder.appending(path: "stray.yaml")
        let namespace = try #require(files.first { $0.text.contains("kind: Namespace") })
        try "\(namespace.text)stray: true\n".write(to: stray, atomically: true, encoding: .utf8)
        #expect(try run(validator, ["--strict", "--quiet", stray.path]).0 != 0)
    }

    /// etcd's CA had no way into a pod, and the pods of topology/production.yaml did not start.
    @Test func theFilesOfEtcdComeFromASecret() throws {
        let etcd = try values(objects(bolts("production"), etcdSecret: "etcd-client")).filter {
            $0["kind"]?.text == "StatefulSet"
        }
        #expect(!etcd.isEmpty)
        for set in etcd {
            let volume = at(set, "spec", "template", "spec", "volumes", "3")
            guard case .object(let members)? = volume else {
                Issue.record("no fourth volume")
                continue
            }
            #expect(at(members, "secret", "secretName")?.text == "etcd-client")
            let mount = at(set, "spec", "template", "spec", "containers", "0", "volumeMounts", "3", "mountPath")
            #expect(mount?.text == KubernetesObjects.etcdDirectory)
        }
        // Partitions without a lease there are given none.
        let local = try values(objects(bolts("local"), etcdSecret: "etcd-client"))
        #expect(local.allSatisfy { at($0, "spec", "template", "spec", "volumes", "3") == nil })
        #expect(try objects(bolts("production")).notes.contains { $0.contains("--etcd-secret") })
        let notes = try objects(bolts("production"), etcdSecret: "etcd-client").notes
        #expect(notes.contains("the secret etcd-client has to have ca.pem"), "\(notes)")
        #expect(code { _ = try objects(bolts("production"), etcdSecret: "No Name") } == "bad_name")
    }

    /// A changed configuration restarted nothing, and nothing showed that it should.
    @Test func aPodShowsWhichConfigurationItWasMadeFor() throws {
        func digests(_ bolts: RenderedBolts) throws -> Set<String> {
            let sets = try values(objects(bolts)).filter { $0["kind"]?.text == "StatefulSet" }
            // Never all at once.
            #expect(sets.allSatisfy { at($0, "spec", "updateStrategy", "type")?.text == "OnDelete" })
            return Set(
                sets.compactMap {
                    at($0, "spec", "template", "metadata", "annotations", "bolt.mesh/configuration")?.text
                })
        }
        let (before, again) = (try digests(bolts("local")), try digests(bolts("local")))
        #expect(before == again && before.count == 6)
        let local = try bolts("local")
        let other = RenderedBolts(
            topology: local.topology, document: local.document + "# another\n", program: local.program,
            settings: local.settings)
        #expect(try digests(other).isDisjoint(with: before))
    }

    /// The first start of a unit failed: the identity was root's.
    @Test func theNotesSayWhoseTheIdentityHasToBe() throws {
        let notes = SystemdUnits(try bolts("two-zones")).notes.joined(separator: "\n")
        #expect(notes.contains("systemd-sysusers") && notes.contains("chown -R bolt:bolt /etc/bolt/identity"))
        #expect(notes.contains("systemctl daemon-reload") && notes.contains("systemctl enable --now bolt"))
    }

    @Test func theNamesOfServicesAreTheAddressesOfTheTopology() throws {
        let notes = try objects(bolts("production"), etcdSecret: "etcd-client").notes
        #expect(notes.count == 2 && notes[0].contains("emea-1-a-identity"))
        #expect(try objects(bolts("production"), namespace: "other", etcdSecret: "etcd-client").notes.count == 14)
    }

    // MARK: Refusals and files

    @Test func whatCannotStandInARenderingIsRefusedBeforeAnythingIsWritten() throws {
        let local = try bolts("local")
        #expect(code { _ = try objects(local, image: "a b") } == "bad_image")
        #expect(code { _ = try objects(local, namespace: "Big") } == "bad_name")
        #expect(
            code {
                _ = try KubernetesObjects(
                    local, .init(image: "a", namespace: "n", storage: "lots", storageClass: nil))
            } == "bad_storage")
        let plain = RenderedBolts(
            topology: try bolts("production").topology, document: "", program: "/bin/true", settings: [])
        #expect(code { try plain.requireEngines() } == "needs_settings")
        #expect(code { try bolts("production").requireEngines() } == nil)
        for path in ["bolt", "/usr/bin/a b", "/x;y", "/x\ny", "/x%n"] { #expect(!RenderedText.isPath(path), "\(path)") }
    }

    @Test func namesThatWouldMeetOrBeTooLongAreRefused() throws {
        func topology(_ one: String, _ two: String) throws -> RenderedBolts {
            let text = """
                version: 1
                mesh: {name: x}
                groups: [{name: g}]
                partitions:
                  - {name: \(one), groups: [g], bolts: [{name: b-c, address: "10.0.0.1:7440"}]}
                  - {name: \(two), groups: [g], bolts: [{name: c, address: "10.0.0.2:7440"}]}
                """
            let read = TopologyDocument(parsing: text, file: "x")
            return RenderedBolts(
                topology: try #require(read.topology), document: text, program: "/bin/true", settings: [])
        }
        #expect(code { _ = try objects(topology("a", "a-b")) } == "unrenderable")
        #expect(code { _ = try objects(topology(String(repeating: "a", count: 60), "z")) } == "unrenderable")
        #expect(code { _ = try objects(topology("a", "z")) } == nil)
    }

    @Test func renderingsAreReplacedAndOtherFilesNever() throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = RenderedWriter(directory: folder.path)
        let (one, two) = (RenderedFile("x/a.yaml", "1\n"), RenderedFile("b.yaml", "2\n"))
        #expect(try writer.plan([one, two]).map(\.action) == [.create, .create])
        // Planning writes nothing: a dry run is inert.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        try writer.write([one, two], writer.plan([one, two]))
        let changed = RenderedFile("x/a.yaml", "3\n")
        #expect(
            try writer.plan([changed]) == [
                .init(file: "b.yaml", action: .stale), .init(file: "x/a.yaml", action: .replace),
            ])
        try writer.write([changed], writer.plan([changed]))
        #expect(try writer.plan([changed, two]).map(\.action) == [.same, .same])
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "b.yaml").path))
        try "mine\n".write(to: folder.appending(path: "c.yaml"), atomically: true, encoding: .utf8)
        #expect(code { _ = try writer.plan([RenderedFile("c.yaml", "")]) } == "file_exists")
    }

    /// As they stood they ended with 64: the topology has its leases in etcd, and nothing said where that is.
    @Test func theExamplesSayWhereEtcdIs() {
        for configuration in [RenderSystemd.configuration, RenderKubernetes.configuration] {
            let text = configuration.discussion.replacing("\\\n", with: " ")
            let lines = text.split(separator: "\n").filter { $0.contains("topology/production.yaml") }
            #expect(!lines.isEmpty && lines.allSatisfy { $0.contains("--set etcd.endpoints=") }, "\(text)")
        }
    }

    /// The second refused what the first had started: it was of another mesh.
    @Test func theProgramsExamplesAreOfOneMesh() throws {
        let files = BoltCtl.configuration.discussion.split(whereSeparator: \.isWhitespace)
            .filter { $0.hasPrefix("topology/") && $0.hasSuffix(".yaml") }
        let meshes = try files.map { try TopologyFile.topology(Self.root.appending(path: String($0)).path).mesh }
        #expect(meshes.count > 1 && Set(meshes).count == 1, "\(files)")
    }

    @Test func findingsAreCountedInWords() {
        let none = TopologyValidate.Answer(valid: true, findings: [])
        #expect(none.table(files: 1) == "valid: 0 errors, 0 warnings in 1 file")
        #expect(none.table(files: 2).hasSuffix("in 2 files"))
    }

    @Test func aDiffEndsWithItsOwnStatus() throws {
        let (three, four) = (try bolts("three-partitions").topology, try bolts("four-partitions").topology)
        #expect(TopologyDiffCommand.status(of: TopologyDiff(from: three, to: three)) == nil)
        #expect(TopologyDiffCommand.status(of: TopologyDiff(from: three, to: four)) == .changes)
        #expect(TopologyDiffCommand.status(of: TopologyDiff(from: try bolts("local").topology, to: four)) == .refused)
    }
}
