import Spanner

/// What one topology has that another has not: the whole of it, what goes away above all.
///
/// Names are what things are known by: a renamed partition is one that goes and one that comes.
public struct TopologyDiff: Hashable, Sendable, Codable {
    /// What happens to something.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// It comes.
        case add
        /// It becomes another.
        case change
        /// It goes.
        case remove
        /// It would become what it can never be; nothing of the topology is applied.
        case refuse
    }

    /// One difference.
    public struct Change: Hashable, Sendable, Codable, CustomStringConvertible {
        /// What happens.
        public let kind: Kind
        /// To what: `mesh`, `group web`, `partition north`, `bolt a.north`.
        public let subject: String
        /// Which of its settings; nil where the whole comes or goes.
        public let field: String?
        /// What it was; nil where there was none.
        public let from: String?
        /// What it becomes; nil where there is none.
        public let to: String?
        /// What follows from it, or what to do instead.
        public let note: String?

        /// One line: a sign, what, from and to, and what follows.
        public var description: String {
            let signs: [Kind: String] = [.add: "+", .change: "~", .remove: "-", .refuse: "!"]
            var line = "\(signs[kind] ?? "?") \(subject)"
            if let field { line += " \(field)" }
            switch (from, to) {
            case (let from?, let to?): line += ": \(from) → \(to)"
            case (nil, let value?), (let value?, nil): line += ": \(value)"
            case (nil, nil): break
            }
            return note.map { "\(line) (\($0))" } ?? line
        }
    }

    /// All differences: the mesh, groups, partitions, bolts; each by name.
    public let changes: [Change]

    /// Whether both say the same. The order of partitions and bolts says nothing; that of groups does.
    public var isEmpty: Bool { changes.isEmpty }
    /// What keeps the topology from being applied at all.
    public var refused: [Change] { changes.filter { $0.kind == .refuse } }

    /// How many changes there are of a kind.
    public func count(_ kind: Kind) -> Int { changes.count { $0.kind == kind } }

    /// The differences of `new` from `old`.
    public init(from old: Topology, to new: Topology) { self.init(from: old, to: new, known: TopologyDiffer.Known()) }

    /// The differences of `new` from `old`, with what the mesh knows beside both.
    init(from old: Topology, to new: Topology, known: TopologyDiffer.Known) {
        var differ = TopologyDiffer(known: known)
        differ.compareMeshes(old, new)
        differ.compareGroups(old, new)
        differ.comparePartitions(old, new)
        changes = differ.changes
    }

    /// `1 to add, 2 to change, 0 to remove, 0 refused`.
    public var summary: String {
        "\(count(.add)) to add, \(count(.change)) to change, \(count(.remove)) to remove, \(count(.refuse)) refused"
    }
}

/// Collects the differences of two topologies.
struct TopologyDiffer {
    /// What a mesh knows of groups beside its topology.
    struct Known {
        /// How many slices each group has that was ever made, for ever.
        var slices: [GroupName: Int] = [:]
        /// Groups that have envoys.
        var occupied: Set<GroupName> = []
    }

    private let known: Known
    private(set) var changes: [TopologyDiff.Change] = []

    init(known: Known) { self.known = known }

    private mutating func note(
        _ kind: TopologyDiff.Kind, _ subject: String, _ field: String? = nil, from: String? = nil, to: String? = nil,
        _ note: String? = nil
    ) {
        changes.append(.init(kind: kind, subject: subject, field: field, from: from, to: to, note: note))
    }

    mutating func compareMeshes(_ old: Topology, _ new: Topology) {
        guard old.mesh != new.mesh else { return }
        note(
            .refuse, "mesh", "name", from: old.mesh, to: new.mesh,
            "certificates name the mesh; this is the topology of another one")
    }

    // MARK: Groups

    mutating func compareGroups(_ old: Topology, _ new: Topology) {
        let (before, after) = (byName(old.groups, \.name), byName(new.groups, \.name))
        for name in Set(before.keys).union(after.keys).sorted() {
            switch (before[name], after[name]) {
            case (nil, let group?):
                note(.add, "group \(name)", to: "\(Plural.text(group.slices, "slice")), \(matching(group))")
                guard let was = known.slices[name], was != group.slices else { continue }
                note(
                    .refuse, "group \(name)", "slices", from: "\(was)", to: "\(group.slices)",
                    "fixed when a group of that name was first made; name it otherwise")
            case (let group?, nil) where known.occupied.contains(name):
                note(
                    .refuse, "group \(name)", from: "\(Plural.text(group.slices, "slice")), \(matching(group))",
                    "it has envoys: move them to another group, or remove them, first")
            case (let group?, nil):
                note(
                    .remove, "group \(name)", from: "\(Plural.text(group.slices, "slice")), \(matching(group))",
                    "refused while it has envoys")
            case (let was?, let becomes?): compare(was, becomes)
            case (nil, nil): break
            }
        }
        let kept = old.groups.map(\.name).filter { after[$0] != nil }
        let order = new.groups.map(\.name).filter { before[$0] != nil }
        if kept != order {
            note(
                .change, "groups", "order", from: list(kept), to: list(order),
                "the first that fits takes a machine; machines that are admitted stay where they are")
        }
    }

    private mutating func compare(_ was: Topology.Group, _ becomes: Topology.Group) {
        let subject = "group \(was.name)"
        if was.slices != becomes.slices {
            note(
                .refuse, subject, "slices", from: "\(was.slices)", to: "\(becomes.slices)",
                "fixed when the group was made; make another group and move the envoys there")
        }
        if was.match != becomes.match {
            note(
                .change, subject, "match", from: matching(was), to: matching(becomes),
                "for machines to come; those that are admitted stay where they are")
        }
        if was.minZones != becomes.minZones {
            note(.change, subject, "min_zones", from: "\(was.minZones)", to: "\(becomes.minZones)")
        }
    }

    private func matching(_ group: Topology.Group) -> String {
        guard !group.match.isEmpty else { return "every machine" }
        return group.match.map { rule in
            let labels = rule.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return ([rule.hostname].compactMap { $0 } + labels).joined(separator: "+")
        }.joined(separator: " or ")
    }

    // MARK: Partitions and bolts

    mutating func comparePartitions(_ old: Topology, _ new: Topology) {
        let (before, after) = (byName(old.partitions, \.name), byName(new.partitions, \.name))
        for name in Set(before.keys).union(after.keys).sorted() {
            switch (before[name], after[name]) {
            case (nil, let partition?):
                let lease = "lease \(partition.lease.rawValue)"
                note(
                    .add, "partition \(name)",
                    to: "weight \(partition.weight), groups \(list(partition.groups)), \(lease)")
                compareBolts(name, [], partition.bolts)
            case (let partition?, nil):
                note(
                    .remove, "partition \(name)", from: "weight \(partition.weight), groups \(list(partition.groups))",
                    "its slices have to move away first")
                compareBolts(name, partition.bolts, [])
            case (let was?, let becomes?): compare(was, becomes)
            case (nil, nil): break
            }
        }
    }

    private mutating func compare(_ was: Topology.Partition, _ becomes: Topology.Partition) {
        let subject = "partition \(was.name)"
        if was.weight != becomes.weight {
            note(
                .change, subject, "weight", from: "\(was.weight)", to: "\(becomes.weight)",
                becomes.weight == 0 ? "it hands on all that it has" : nil)
        }
        let (had, has) = (Set(was.groups), Set(becomes.groups))
        for group in has.subtracting(had).sorted() { note(.add, subject, "group", to: group.text) }
        for group in had.subtracting(has).sorted() {
            note(.remove, subject, "group", from: group.text, "its slices of that group have to move away first")
        }
        if was.lease != becomes.lease {
            note(
                .change, subject, "lease", from: was.lease.rawValue, to: becomes.lease.rawValue,
                "each bolt's configuration has to say the same")
        }
        compareBolts(was.name, was.bolts, becomes.bolts)
    }

    private mutating func compareBolts(
        _ partition: PartitionName, _ old: [Topology.Bolt], _ new: [Topology.Bolt]
    ) {
        let (before, after) = (byName(old, \.name), byName(new, \.name))
        for name in Set(before.keys).union(after.keys).sorted() {
            let subject = "bolt \(name).\(partition)"
            switch (before[name], after[name]) {
            case (nil, let bolt?): note(.add, subject, to: place(bolt))
            case (let bolt?, nil):
                let last = new.isEmpty ? nil : "its disk no longer counts: boltctl bolt remove"
                note(.remove, subject, from: place(bolt), last)
            case (let was?, let becomes?):
                let fields = [
                    ("address", was.address, becomes.address), ("ops", was.ops, becomes.ops),
                    ("zone", was.zone, becomes.zone),
                ]
                for (field, from, to) in fields where from != to { note(.change, subject, field, from: from, to: to) }
            case (nil, nil): break
            }
        }
    }

    private func place(_ bolt: Topology.Bolt) -> String { bolt.address + (bolt.zone.map { ", zone \($0)" } ?? "") }

    private func list(_ names: [GroupName]) -> String { names.map(\.text).joined(separator: " ") }

    private func byName<Name: Hashable, Value>(_ values: [Value], _ name: KeyPath<Value, Name>) -> [Name: Value] {
        Dictionary(values.map { ($0[keyPath: name], $0) }, uniquingKeysWith: { first, _ in first })
    }
}
