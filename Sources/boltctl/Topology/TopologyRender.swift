import ArgumentParser
import BoltAPI

/// `boltctl topology render …`
struct TopologyRender: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Write what runs a topology's bolts: units of systemd, objects of Kubernetes.",
        subcommands: [RenderSystemd.self, RenderKubernetes.self])
}

/// What both forms ask for.
struct RenderOptions: ParsableArguments {
    @Argument(help: "The topology.")
    var file: String
    @Option(name: .long, help: "Directory to write to; it is made where it is missing.")
    var out: String
    @Option(name: .long, help: "The daemon's path where it will run.")
    var program: String = "/usr/bin/bolt"
    @Option(name: .customLong("set"), help: "A setting of every bolt, as section.key=value; may be repeated.")
    var settings: [String] = []
    @Flag(name: .customLong("dry-run"), help: "Say what would be written and write nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for setting in settings where LocalSetting(setting) == nil {
            throw ValidationError("--set takes section.key=value, not \(setting)")
        }
    }

    /// The topology with what the options say of its bolts.
    func bolts() throws -> RenderedBolts {
        guard RenderedText.isPath(program) else {
            throw CommandFailure(
                "bad_program", "“\(program)” is no absolute path of letters, digits and ./_-+@",
                next: "name where the daemon will be with --program", status: .usage)
        }
        let topology = try TopologyFile.topology(file)
        let bolts = RenderedBolts(
            topology: topology, document: try TopologyFile.text(file), program: program,
            settings: settings.compactMap { LocalSetting($0) })
        try bolts.requireEngines()
        return bolts
    }

    /// Writes the files, and says what became of each.
    func finish(_ files: [RenderedFile], notes: [String]) throws {
        let writer = RenderedWriter(directory: LocalMesh.absolute(out))
        let lines = try writer.plan(files)
        if !dryRun { try writer.write(files, lines) }
        var table = TextTable("FILE", "ACTION")
        for line in lines { table.row(line.file, line.action.rawValue) }
        let end =
            dryRun
            ? "dry run: nothing was written"
            : "wrote \(Plural.text(lines.count { $0.action.writes }, "file")) to \(out)"
        let answer = RenderedAnswer(directory: writer.directory, files: lines, notes: notes, dryRun: dryRun)
        try output.emit(answer, table: ([table.text] + notes.map { "note: \($0)" } + [end]).joined(separator: "\n"))
    }
}

/// What a rendering answers.
struct RenderedAnswer: Encodable {
    let directory: String
    let files: [RenderedWriter.Line]
    let notes: [String]
    let dryRun: Bool

    enum CodingKeys: String, CodingKey {
        case directory, files, notes
        case dryRun = "dry_run"
    }
}

/// `boltctl topology render systemd`
struct RenderSystemd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "systemd", abstract: "Units and configurations, one directory a bolt.",
        discussion: """
            On each machine: bolt.service goes to /etc/systemd/system, bolt.yaml and topology.yaml to /etc/bolt, \
            bolt.sysusers.conf to /etc/sysusers.d/bolt.conf. The identity in /etc/bolt/identity is made by boltctl \
            bolt join, and has to belong to the user bolt; the notes say what to type. Files that were rendered \
            before are replaced, others never.

            EXAMPLES
              boltctl topology render systemd topology/two-zones.yaml --out units
              boltctl topology render systemd topology/production.yaml --out units --dry-run \\
                --set etcd.endpoints=https://etcd.example.org:2379
            """)

    @OptionGroup var options: RenderOptions

    func run() throws {
        let bolts = try options.bolts()
        try options.finish(SystemdUnits(bolts).files, notes: SystemdUnits(bolts).notes)
    }
}

/// `boltctl topology render kubernetes`
struct RenderKubernetes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubernetes", abstract: "A StatefulSet, service and configuration a bolt; a budget a partition.",
        discussion: """
            Bolts stand in the zones that the topology names, never two of a partition on one node, and are evicted \
            one at a time. Each bolt's identity comes from a secret that is not rendered: \
            kubectl create secret generic PARTITION-BOLT-identity --from-file DIR, with what boltctl bolt join made. \
            --etcd-secret names one with the files that etcd asks for; it is mounted at \
            \(KubernetesObjects.etcdDirectory), for --set etcd.ca_file and the like.

            A pod takes up a new image or configuration when it is deleted, and not before: all sets would begin at \
            once. Delete one after the other, standbys first.

            EXAMPLES
              boltctl topology render kubernetes topology/two-zones.yaml --out manifests
              boltctl topology render kubernetes topology/production.yaml --out manifests --namespace mesh \\
                --image registry.example.org/bolt:1.0 --etcd-secret etcd-client \\
                --set etcd.endpoints=https://etcd.mesh.svc.cluster.local:2379 \\
                --set etcd.ca_file=/etc/ssl/etcd/ca.pem
            """)

    @OptionGroup var options: RenderOptions
    @Option(name: .long, help: "The image; it needs a shell for its first start.")
    var image: String = "bolt:\(BoltVersion.text)"
    @Option(name: .long, help: "The namespace.")
    var namespace: String = "bolt"
    @Option(name: .long, help: "Size of each bolt's volume.")
    var storage: String = "10Gi"
    @Option(name: .customLong("storage-class"), help: "Its class. Default: that of the cluster.")
    var storageClass: String?
    @Option(name: .customLong("etcd-secret"), help: "A secret with etcd's CA, for partitions with their lease there.")
    var etcdSecret: String?

    func run() throws {
        let objects = try KubernetesObjects(
            options.bolts(),
            .init(
                image: image, namespace: namespace, storage: storage, storageClass: storageClass,
                etcdSecret: etcdSecret))
        try options.finish(objects.files, notes: objects.notes)
    }
}
