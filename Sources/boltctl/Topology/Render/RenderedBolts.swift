import BoltAPI
import Spanner

/// The bolts of a topology with what a rendering needs of each.
struct RenderedBolts {
    let topology: Topology
    /// The topology as it was written.
    let document: String
    /// The daemon's path.
    let program: String
    let settings: [LocalSetting]

    /// Where a bolt's files are on its machine.
    struct Places {
        var state = "/var/lib/bolt"
        var identity = "/etc/bolt/identity"
        var topology = "/etc/bolt/topology.yaml"
        /// Address of the plain listener; nil where it is the topology's.
        var ops: String?
    }

    /// One bolt and its partition.
    typealias Entry = (partition: PartitionName, bolt: Topology.Bolt)

    /// Leases in etcd need to know where it is, which a topology does not say.
    func requireEngines() throws {
        guard let partition = topology.partitions.first(where: { $0.lease == .etcd }) else { return }
        guard !settings.contains(where: { $0.section == "etcd" && $0.name == "endpoints" }) else { return }
        throw CommandFailure(
            "needs_settings", "the partition \(partition.name) has its lease in etcd, and nothing says where that is",
            next: "--set etcd.endpoints=https://HOST:2379 --set etcd.ca_file=FILE, and what else etcd asks for",
            status: .usage)
    }

    /// A bolt's configuration. Settings of etcd go only to partitions that have their lease there.
    func configuration(of entry: Entry, at places: Places) -> String {
        let bolt = entry.bolt
        let isEtcd = topology.partitions.contains { $0.name == entry.partition && $0.lease == .etcd }
        let (host, port) = LocalBolt.split(bolt.address)
        let (opsHost, opsPort) = LocalBolt.split(bolt.ops)
        let seeds = topology.bolts.map(\.bolt.address).filter { $0 != bolt.address }
        var own: [String: JSONValue] = ["name": .string(bolt.name.text), "partition": .string(entry.partition.text)]
        if let zone = bolt.zone { own["zone"] = .string(zone) }
        var sections: [String: [String: JSONValue]] = [
            "mesh": ["name": .string(topology.mesh)],
            "bolt": own,
            "listen": [
                "address": .string(host.contains(":") ? "::" : "0.0.0.0"), "port": .integer(Int64(port)),
                "advertise": .string(bolt.address),
            ],
            "ops": ["address": .string(places.ops ?? opsHost), "port": .integer(Int64(opsPort))],
            "state": ["directory": .string(places.state)],
            "identity": ["directory": .string(places.identity)],
            "topology": ["file": .string(places.topology)],
        ]
        if !seeds.isEmpty { sections["peers"] = ["seeds": .array(seeds.map { .string($0) })] }
        if isEtcd { sections["lease"] = ["engine": .string("etcd")] }
        for setting in settings where isEtcd || setting.section != "etcd" {
            sections[setting.section, default: [:]][setting.name] = .string(setting.value)
        }
        return YAMLText.text(of: .object(sections.mapValues { .object($0) }))
    }
}
