import Spanner

/// The rules that hold across a topology, after each part was read.
extension TopologyReader {
    mutating func check(_ topology: Topology) {
        checkUnique()
        checkGroups(topology)
        checkMatching(topology)
        checkWeights(topology)
        checkZones(topology)
        checkMinZones(topology)
    }

    private mutating func checkUnique() {
        func repeated<Key: Hashable>(_ places: [(Key, SourcePosition)]) -> [(Key, SourcePosition, SourcePosition)] {
            var first: [Key: SourcePosition] = [:]
            return places.compactMap { key, place in
                defer { first[key] = first[key] ?? place }
                return first[key].map { (key, place, $0) }
            }
        }
        for (name, place, first) in repeated(groupPlaces.map { ($0.name, $0.position) }) {
            yaml.error("duplicate_name", "the group \(name) stands at \(first) already", at: place)
        }
        for (name, place, first) in repeated(partitionPlaces.map { ($0.name, $0.position) }) {
            yaml.error("duplicate_name", "the partition \(name) stands at \(first) already", at: place)
        }
        for (address, place, first) in repeated(addressPlaces.map { ([$0.address, $0.host], $0.position) }) {
            yaml.error("duplicate_address", "the address \(address[0]) is used at \(first) already", at: place)
        }
    }

    private mutating func checkGroups(_ topology: Topology) {
        if groupPlaces.isEmpty, !unreadGroups, listPlaces["groups"] != nil {
            yaml.error("no_groups", "there is no group", at: listPlaces["groups"] ?? .init(line: 1, column: 1))
        }
        if partitionPlaces.isEmpty, !unreadPartitions, listPlaces["partitions"] != nil {
            yaml.error(
                "no_partitions", "there is no partition", at: listPlaces["partitions"] ?? .init(line: 1, column: 1))
        }
        let known = groupPlaces.map(\.name)
        for (name, place) in servedPlaces where !known.contains(name) {
            let hint = NearestName.suggest(name.text, among: known.map(\.text)).map { "; did you mean “\($0)”?" } ?? ""
            yaml.error("unknown_group", "there is no group \(name)\(hint)", at: place)
        }
        guard !unreadPartitions else { return }
        for (name, place) in groupPlaces where !servedPlaces.contains(where: { $0.name == name }) {
            yaml.error("unserved_group", "no partition serves the group \(name)", at: place)
        }
    }

    private mutating func checkWeights(_ topology: Topology) {
        for group in topology.groups {
            let serving = topology.partitions.filter { $0.groups.contains(group.name) }
            guard !serving.isEmpty, serving.allSatisfy({ $0.weight == 0 }) else { continue }
            let place = groupPlaces.first { $0.name == group.name }?.position
            yaml.error(
                "zero_weight", "every partition that serves the group \(group.name) has weight 0: nobody would own it",
                at: place ?? .init(line: 1, column: 1))
        }
    }

    private mutating func checkZones(_ topology: Topology) {
        // Without any zone or standby the document makes no claim of surviving a loss: nothing to warn of.
        let makesClaims =
            topology.bolts.contains { $0.bolt.zone != nil } || topology.partitions.contains { $0.bolts.count > 1 }
        guard makesClaims else { return }
        for partition in topology.partitions {
            guard let place = partitionPlaces.first(where: { $0.name == partition.name })?.position else { continue }
            guard partition.bolts.count > 1 else {
                yaml.warning("lone_bolt", "the partition \(partition.name) has one bolt and no standby", at: place)
                continue
            }
            if partition.bolts.contains(where: { $0.zone == nil }) {
                yaml.warning("missing_zone", "a bolt of the partition \(partition.name) names no zone", at: place)
            }
            checkShared(partition)
        }
    }

    /// A group that asks for zones, and a partition that stands in fewer.
    private mutating func checkMinZones(_ topology: Topology) {
        for group in topology.groups where group.minZones > 1 {
            for partition in topology.partitions where partition.groups.contains(group.name) {
                guard partition.zones.count < group.minZones,
                    let place = partitionPlaces.first(where: { $0.name == partition.name })?.position
                else { continue }
                yaml.error(
                    "too_few_zones",
                    "the partition \(partition.name) stands in \(Plural.text(partition.zones.count, "zone")); "
                        + "the group \(group.name) asks for \(group.minZones)", at: place)
            }
        }
    }

    /// Two bolts of one partition in one zone: the loss of that zone takes both.
    private mutating func checkShared(_ partition: Topology.Partition) {
        var first: [String: BoltName] = [:]
        for bolt in partition.bolts {
            guard let zone = bolt.zone else { continue }
            if let other = first[zone] {
                let place = boltPlaces["\(bolt.name).\(partition.name)"] ?? .init(line: 1, column: 1)
                yaml.warning(
                    "shared_zone",
                    "\(bolt.name) and \(other) of the partition \(partition.name) stand in one zone, \(zone)", at: place
                )
            }
            first[zone] = first[zone] ?? bolt.name
        }
        checkHosts(partition)
    }

    /// Two bolts of one partition on one machine. A mesh on one machine alone is for trying out: it says nothing.
    private mutating func checkHosts(_ partition: Topology.Partition) {
        var first: [String: BoltName] = [:]
        for bolt in partition.bolts {
            guard let host = HostPortText.split(bolt.address)?.host, !HostPortText.isLocal(host) else { continue }
            if let other = first[host] {
                let place = boltPlaces["\(bolt.name).\(partition.name)"] ?? .init(line: 1, column: 1)
                yaml.warning(
                    "shared_host",
                    "\(bolt.name) and \(other) of the partition \(partition.name) stand on one machine, \(host)",
                    at: place)
            }
            first[host] = first[host] ?? bolt.name
        }
    }
}
