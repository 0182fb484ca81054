import Spanner
import Yams

/// Reads a topology document: strictly, and with every mistake at once.
public struct TopologyDocument: Sendable {
    /// What the document says; nil where it has errors.
    public let topology: Topology?
    /// Errors and warnings in document order.
    public let findings: [TopologyFinding]

    /// Whether nothing refuses it.
    public var isValid: Bool { topology != nil }

    /// Reads a document. `file` is only named in findings.
    public init(parsing text: String, file: String) {
        guard text.utf8.count <= TopologyLimits.documentBytesMax else {
            self.init(refused: "too_large", "it is over \(TopologyLimits.documentBytesMax) bytes", file: file)
            return
        }
        let root: Node?
        do {
            root = try YAMLText.node(of: text)
        } catch {
            self.init(refused: "not_yaml", error.reason, file: file, at: error.position)
            return
        }
        guard let root else {
            self.init(refused: "empty", "the document is empty", file: file)
            return
        }
        var reader = TopologyReader(file: file)
        let topology = reader.read(root)
        let findings = reader.yaml.findings.sorted { $0.position < $1.position }
        self.init(findings.contains { $0.severity == .error } ? nil : topology, findings)
    }

    private init(_ topology: Topology?, _ findings: [TopologyFinding]) {
        (self.topology, self.findings) = (topology, findings)
    }

    private init(refused code: String, _ message: String, file: String, at position: SourcePosition? = nil) {
        self.init(nil, [.init(.error, code, message, file: file, position: position ?? .init(line: 1, column: 1))])
    }
}

/// One pass over the YAML tree; remembers where names stand, for the checks across the document.
struct TopologyReader {
    /// Hosts that every machine has for itself.
    private static let localHosts: Set<String> = ["127.0.0.1", "::1", "localhost"]

    var yaml: StrictYAML
    var groupPlaces: [(name: GroupName, position: SourcePosition)] = []
    var partitionPlaces: [(name: PartitionName, position: SourcePosition)] = []
    var servedPlaces: [(name: GroupName, position: SourcePosition)] = []
    var addressPlaces: [(address: String, host: String, position: SourcePosition)] = []
    var boltPlaces: [String: SourcePosition] = [:]
    var listPlaces: [String: SourcePosition] = [:]
    /// Where the rules of a group stand, by where its name does.
    var rulePlaces: [SourcePosition: [SourcePosition]] = [:]
    /// Whether some group or partition could not be read at all: then what is missing elsewhere may be there.
    var unreadGroups = false
    var unreadPartitions = false

    init(file: String) { yaml = StrictYAML(file: file) }

    mutating func read(_ root: Node) -> Topology? {
        let object = yaml.object(
            root, "the topology", required: ["version", "mesh", "groups", "partitions"])
        guard let object else { return nil }
        let version = yaml.integer(object["version"], "version", 1...1)
        let mesh = meshName(object["mesh"])
        for entry in object.entries { listPlaces[entry.key] = entry.position }
        let groups = yaml.list(object["groups"], "groups", limit: TopologyLimits.groupsMax).compactMap { group($0) }
        let partitions = yaml.list(object["partitions"], "partitions", limit: TopologyLimits.partitionsMax)
            .compactMap { partition($0) }
        // The rules across the document are looked at even where its head cannot be read: all mistakes at once.
        let topology = Topology(version: version ?? 1, mesh: mesh ?? "", groups: groups, partitions: partitions)
        check(topology)
        return version == nil || mesh == nil ? nil : topology
    }

    private mutating func meshName(_ node: Node?) -> String? {
        guard let node, let object = yaml.object(node, "mesh", required: ["name"]),
            let name = yaml.text(object["name"], "the mesh's name")
        else { return nil }
        guard MeshNames.isHost(name), name.utf8.count <= MeshNames.labelBytesMax else {
            yaml.error(
                "bad_name", "the mesh's name “\(name)” is no lower-case DNS name of at most 63 bytes",
                at: StrictYAML.position(of: object["name"]))
            return nil
        }
        return name
    }

    // MARK: Groups

    private mutating func group(_ node: Node) -> Topology.Group? {
        guard let object = yaml.object(node, "a group", required: ["name"], optional: ["slices", "match", "min_zones"])
        else {
            unreadGroups = true
            return nil
        }
        let slices = yaml.integer(object["slices"], "slices", 1...TopologyLimits.slicesMax)
        let zones = yaml.integer(object["min_zones"], "min_zones", 1...TopologyLimits.boltsMax)
        let read = yaml.list(object["match"], "match", limit: TopologyLimits.rulesMax)
            .compactMap { node in rule(node).map { (rule: $0, place: StrictYAML.position(of: node)) } }
        guard let name = yaml.name(object["name"], "the group's name", as: GroupName.self) else {
            unreadGroups = true
            return nil
        }
        let place = StrictYAML.position(of: object["name"])
        groupPlaces.append((name, place))
        rulePlaces[place] = read.map(\.place)
        return Topology.Group(
            name: name, slices: slices ?? TopologyLimits.slicesDefault, match: read.map(\.rule), minZones: zones ?? 1)
    }

    private mutating func rule(_ node: Node) -> Topology.Rule? {
        guard let object = yaml.object(node, "a match rule", required: [], optional: ["hostname", "labels"]) else {
            return nil
        }
        if object.entries.isEmpty {
            yaml.error("empty_rule", "a match rule needs a hostname or labels", at: object.position)
            return nil
        }
        var labels: [String: String] = [:]
        if let node = object["labels"] {
            guard case .mapping(let mapping) = node else {
                yaml.error("wrong_type", "labels must be a mapping", at: StrictYAML.position(of: node))
                return nil
            }
            for (key, value) in mapping {
                guard let key = yaml.text(key, "a label's key"), let value = yaml.text(value, "the label \(key)") else {
                    continue
                }
                labels[key] = value
            }
        }
        return Topology.Rule(hostname: yaml.text(object["hostname"], "hostname"), labels: labels)
    }

    // MARK: Partitions

    private mutating func partition(_ node: Node) -> Topology.Partition? {
        let object = yaml.object(
            node, "a partition", required: ["name", "groups", "bolts"], optional: ["weight", "lease"])
        guard let object else {
            unreadPartitions = true
            return nil
        }
        let weight = yaml.integer(object["weight"], "weight", 0...TopologyLimits.weightMax)
        var groups: [GroupName] = []
        for entry in yaml.list(object["groups"], "the partition's groups", limit: TopologyLimits.groupsMax) {
            guard let name = yaml.name(entry, "the group", as: GroupName.self) else { continue }
            servedPlaces.append((name, StrictYAML.position(of: entry)))
            if groups.contains(name) {
                yaml.error(
                    "repeated_group", "the group \(name) stands there already", at: StrictYAML.position(of: entry))
            }
            groups.append(name)
        }
        let name = yaml.name(object["name"], "the partition's name", as: PartitionName.self)
        let lease = lease(object["lease"])
        let entries = yaml.list(object["bolts"], "bolts", limit: TopologyLimits.boltsMax)
        // Without a name of its own a partition's bolts are told apart from those of all others by its place.
        let owner = name?.text ?? "\(StrictYAML.position(of: node))"
        let bolts = entries.compactMap { bolt($0, of: owner) }
        let place = StrictYAML.position(of: object["name"], else: object.position)
        if entries.isEmpty, case .sequence? = object["bolts"] {
            yaml.error("no_bolts", "the partition \(name.map { "\($0) " } ?? "")has no bolt", at: place)
        }
        if case .sequence(let parts)? = object["groups"], parts.isEmpty {
            yaml.error("serves_nothing", "the partition \(name.map { "\($0) " } ?? "")serves no group", at: place)
        }
        guard let name else { return nil }
        partitionPlaces.append((name, place))
        return Topology.Partition(
            name: name, weight: weight ?? TopologyLimits.weightDefault, groups: groups, lease: lease, bolts: bolts)
    }

    private mutating func lease(_ node: Node?) -> Topology.Lease {
        guard let text = yaml.text(node, "lease") else { return .manual }
        guard let lease = Topology.Lease(rawValue: text) else {
            let words = Topology.Lease.allCases.map(\.rawValue).joined(separator: " or ")
            yaml.error("bad_lease", "lease must be \(words)", at: StrictYAML.position(of: node))
            return .manual
        }
        return lease
    }

    private mutating func bolt(_ node: Node, of partition: String) -> Topology.Bolt? {
        guard let object = yaml.object(node, "a bolt", required: ["name", "address"], optional: ["ops", "zone"]) else {
            return nil
        }
        let zone = zone(object["zone"])
        let address = address(object["address"], "address")
        let ops = self.address(object["ops"], "ops", of: address)
        guard let name = yaml.name(object["name"], "the bolt's name", as: BoltName.self) else { return nil }
        let (full, place) = ("\(name).\(partition)", StrictYAML.position(of: object["name"]))
        if let first = boltPlaces[full] {
            yaml.error("duplicate_name", "the bolt \(name) of its partition stands at \(first) already", at: place)
        }
        boltPlaces[full] = boltPlaces[full] ?? place
        guard let address else { return nil }
        return Topology.Bolt(name: name, address: address, ops: ops ?? defaultOps(address, at: object), zone: zone)
    }

    /// A bolt's own setting takes a label only.
    private mutating func zone(_ node: Node?) -> String? {
        guard let text = yaml.text(node, "zone") else { return nil }
        if !MeshNames.isLabel(text) {
            yaml.error(
                "bad_name", "the zone “\(text)” is no lower-case label of at most 63 bytes",
                at: StrictYAML.position(of: node))
        }
        return text
    }

    private mutating func address(_ node: Node?, _ what: String, of bolt: String? = nil) -> String? {
        guard let node, let text = yaml.text(node, what) else { return nil }
        guard let (host, port) = HostPortText.split(text) else {
            yaml.error(
                "bad_address", "\(what) “\(text)” is no host:port with a port from 1 to 65535",
                at: StrictYAML.position(of: node))
            return nil
        }
        let canonical = HostPortText.join(host, port)
        note(canonical, of: bolt ?? canonical, at: StrictYAML.position(of: node))
        return canonical
    }

    private mutating func defaultOps(_ address: String, at object: StrictYAML.Object) -> String {
        guard let (_, port) = HostPortText.split(address) else { return address }
        let ops = port + TopologyLimits.opsPortOffset
        guard ops <= 65_535 else {
            yaml.error("no_ops", "name an ops address: \(ops) is no port", at: object.position)
            return address
        }
        let text = "127.0.0.1:\(ops)"
        note(text, of: address, at: object.position)
        return text
    }

    /// Two hosts may use the same local port: a local address is told apart by the host of the bolt's own.
    private mutating func note(_ address: String, of bolt: String, at position: SourcePosition) {
        let host = { HostPortText.split($0)?.host ?? "" }
        let isElsewhere = Self.localHosts.contains(host(address)) && !Self.localHosts.contains(host(bolt))
        addressPlaces.append((address, isElsewhere ? host(bolt) : "", position))
    }
}
