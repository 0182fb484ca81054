import BoltAPI
import CRDT
import Spanner

/// Objects of Kubernetes for a topology: a namespace, and for each bolt a StatefulSet of one, its service and its
/// configuration. One set a bolt, because bolts have names, zones, addresses and identities of their own, which the
/// numbered pods of one set cannot have.
struct KubernetesObjects {
    /// What the command line says.
    struct Choices {
        let image: String
        let namespace: String
        let storage: String
        let storageClass: String?
        /// A secret with the files that etcd asks for.
        var etcdSecret: String?
    }

    /// Where the files of that secret are in a pod.
    static let etcdDirectory = "/etc/ssl/etcd"

    /// Longest name of a StatefulSet: its pods and revisions carry it with a suffix in a label of 63 bytes.
    static let nameBytesMax = 52
    /// The user of the pods, which owns nothing on the node.
    static let user: Int64 = 65_532

    let bolts: RenderedBolts
    let choices: Choices

    /// Fails where the choices cannot stand in objects, or a name would be too long or stand for two things.
    init(_ bolts: RenderedBolts, _ choices: Choices) throws {
        (self.bolts, self.choices) = (bolts, choices)
        guard RenderedText.isImage(choices.image) else {
            throw CommandFailure("bad_image", "“\(choices.image)” is no name of an image", status: .usage)
        }
        guard RenderedText.isQuantity(choices.storage) else {
            throw CommandFailure(
                "bad_storage", "“\(choices.storage)” is no size", next: "write it like 10Gi", status: .usage)
        }
        for name in [choices.namespace] + [choices.storageClass, choices.etcdSecret].compactMap({ $0 }) {
            guard MeshNames.isHost(name) else {
                throw CommandFailure("bad_name", "“\(name)” is no lower-case label", status: .usage)
            }
        }
        try requireNames()
    }

    private func requireNames() throws {
        var seen: [String: String] = [:]
        for entry in bolts.topology.bolts {
            let (name, full) = (Self.name(entry), "\(entry.bolt.name).\(entry.partition)")
            guard name.utf8.count <= Self.nameBytesMax else {
                throw CommandFailure(
                    "unrenderable", "\(full) would be named \(name), which is over \(Self.nameBytesMax) bytes",
                    next: "shorten the names of the partition and the bolt")
            }
            if let other = seen[name] {
                throw CommandFailure(
                    "unrenderable", "\(full) and \(other) would both be named \(name)", next: "rename one of them")
            }
            seen[name] = full
        }
    }

    /// The name of all objects of a bolt: `north-a`.
    static func name(_ entry: RenderedBolts.Entry) -> String { "\(entry.partition)-\(entry.bolt.name)" }

    /// The namespace, and one file a partition.
    var files: [RenderedFile] {
        let namespace = object("v1", "Namespace", choices.namespace, labels: common, isNamespaced: false)
        return [RenderedFile("00-namespace.yaml", Self.text([namespace]))]
            + bolts.topology.partitions.map { partition in
                let sets = partition.bolts.flatMap { bolt -> [JSONValue] in
                    let entry = (partition.name, bolt)
                    return [configuration(entry), service(entry), statefulSet(entry, partition)]
                }
                return RenderedFile("partition-\(partition.name).yaml", Self.text([budget(partition)] + sets))
            }
    }

    /// What is left for people to do.
    var notes: [String] {
        let secrets = bolts.topology.bolts.map { "\(Self.name($0))-identity" }.joined(separator: ", ")
        let strangers = bolts.topology.bolts.filter { entry in
            !LocalBolt.split(entry.bolt.address).host.hasPrefix("\(Self.name(entry)).\(choices.namespace).svc")
        }
        let led = strangers.map { entry in
            "\(entry.bolt.address) has to lead to the service \(Self.name(entry)) of the namespace \(choices.namespace)"
        }
        return ["each bolt needs its identity as a secret: \(secrets)"] + led + etcdNotes
    }

    /// What settings that name files ask of the secret, and those that no pod can follow.
    private var etcdNotes: [String] {
        bolts.settings.filter { $0.section == "etcd" && $0.name.hasSuffix("_file") }.map { setting in
            let what = "etcd.\(setting.name)=\(setting.value)"
            if ["key_file", "password_file"].contains(setting.name) {
                return "\(what): a private file has to be its owner's alone, which no mounted one is"
            }
            guard let secret = choices.etcdSecret else {
                return "\(what): no pod has that file; name a secret that has it with --etcd-secret"
            }
            guard setting.value.hasPrefix("\(Self.etcdDirectory)/") else {
                return "\(what): the secret \(secret) is mounted at \(Self.etcdDirectory), which is elsewhere"
            }
            return "the secret \(secret) has to have \(setting.value.dropFirst(Self.etcdDirectory.utf8.count + 1))"
        }
    }

    /// Whether a partition has its lease in etcd.
    func usesEtcd(_ partition: PartitionName) -> Bool {
        bolts.topology.partitions.contains { $0.name == partition && $0.lease == .etcd }
    }

    private static func text(_ objects: [JSONValue]) -> String {
        objects.map { YAMLText.text(of: $0) }.joined(separator: "---\n")
    }

    // MARK: Objects

    private var common: [String: String] {
        ["app.kubernetes.io/name": "bolt", "app.kubernetes.io/instance": bolts.topology.mesh]
    }

    func labels(_ partition: PartitionName) -> [String: String] {
        common.merging(["bolt.mesh/partition": partition.text]) { $1 }
    }

    func labels(_ entry: RenderedBolts.Entry) -> [String: String] {
        labels(entry.partition).merging(["bolt.mesh/bolt": entry.bolt.name.text]) { $1 }
    }

    func object(
        _ version: String, _ kind: String, _ name: String, labels: [String: String], isNamespaced: Bool = true,
        _ parts: [String: JSONValue] = [:]
    ) -> JSONValue {
        var metadata: [String: JSONValue] = ["name": .string(name), "labels": .texts(labels)]
        if isNamespaced { metadata["namespace"] = .string(choices.namespace) }
        let head: [String: JSONValue] = [
            "apiVersion": .string(version), "kind": .string(kind), "metadata": .object(metadata),
        ]
        return .object(head.merging(parts) { $1 })
    }

    private func configuration(_ entry: RenderedBolts.Entry) -> JSONValue {
        object("v1", "ConfigMap", Self.name(entry), labels: labels(entry), ["data": .texts(texts(of: entry))])
    }

    /// The files of a bolt's configuration.
    private func texts(of entry: RenderedBolts.Entry) -> [String: String] {
        let places = RenderedBolts.Places(
            state: "/var/lib/bolt/state", identity: "/var/lib/bolt/identity", topology: "/etc/bolt/topology.yaml",
            ops: "0.0.0.0")
        return ["bolt.yaml": bolts.configuration(of: entry, at: places), "topology.yaml": bolts.document]
    }

    /// What a pod was made for: with another configuration its set shows that it is of an older revision.
    func digest(of entry: RenderedBolts.Entry) -> String {
        let texts = texts(of: entry).sorted { $0.key < $1.key }
        return TopologyFile.hash(texts.flatMap { Array("\($0.key)\n\($0.value)\n".utf8) }).hex
    }

    /// Names the one pod, from its very start: bolts have to reach each other before any of them is ready.
    private func service(_ entry: RenderedBolts.Entry) -> JSONValue {
        let port = Int64(LocalBolt.split(entry.bolt.address).port)
        return object(
            "v1", "Service", Self.name(entry), labels: labels(entry),
            [
                "spec": .object([
                    "clusterIP": .string("None"), "publishNotReadyAddresses": .bool(true),
                    "selector": .texts(labels(entry)),
                    "ports": .array([
                        .object(["name": .string("mesh"), "port": .integer(port), "targetPort": .string("mesh")])
                    ]),
                ])
            ])
    }

    /// A partition goes on while one of its bolts is away; no eviction takes two.
    private func budget(_ partition: Topology.Partition) -> JSONValue {
        object(
            "policy/v1", "PodDisruptionBudget", "partition-\(partition.name)", labels: labels(partition.name),
            [
                "spec": .object([
                    "maxUnavailable": .integer(1),
                    "selector": .object(["matchLabels": .texts(labels(partition.name))]),
                ])
            ])
    }
}

extension JSONValue {
    /// An object of texts.
    static func texts(_ values: [String: String]) -> JSONValue { .object(values.mapValues { .string($0) }) }
}
