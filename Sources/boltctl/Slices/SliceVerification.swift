import BoltAPI
import CRDT
import Spanner

/// Whether every slice is covered once and all bolts agree: judged from what each bolt says itself.
struct SliceVerification: Encodable {
    /// One thing that is not as it should be.
    struct Finding: Encodable, Hashable {
        /// Stable kind: lower case, words joined by underscores.
        let code: String
        /// What is the matter.
        let what: String
        /// What to do.
        let next: String
        /// Whether it can be over in a moment: news travel, a handoff switches.
        let mayPass: Bool

        enum CodingKeys: String, CodingKey {
            case code, what, next
            case mayPass = "may_pass"
        }
    }

    /// Bolts that were asked, and how many answered.
    let bolts: Int
    let answered: Int
    /// Bolts of the mesh that were not asked, because the command line names others.
    let unasked: Int
    /// Slices of all groups, as the bolts that answered agree; of one of them where they do not.
    let slices: Int
    /// What is not as it should be, the gravest first.
    let findings: [Finding]
    /// What could not be looked at and matters to no slice: bolts of partitions that own nothing.
    let warnings: [Finding]
    /// Groups about whose owners bolts disagree.
    let disputed: [GroupName]

    /// Whether all is as it should be: there is no finding.
    let isVerified: Bool

    enum CodingKeys: String, CodingKey {
        case bolts, answered, unasked, slices, findings, warnings, disputed
        case isVerified = "verified"
    }

    /// `unasked`: full names of bolts that nobody asked; of their partitions it is not known who is primary.
    init(_ lines: [SliceDigests.Line], unasked: [String] = []) {
        let answers = lines.compactMap(\.answer)
        (bolts, answered, self.unasked) = (lines.count, answers.count, unasked.count)
        slices = answers.first?.groups.reduce(0) { $0 + Int($1.slices) } ?? 0
        let silent = lines.filter { $0.answer == nil }
        let owners = Set(answers.flatMap { $0.groups.flatMap { $0.owners.filter { $0.slices > 0 }.map(\.partition) } })
        let disputed = Self.disputed(answers)
        self.disputed = disputed.map(\.group)
        let unknown = Set(unasked.compactMap { try? BoltName.partition(of: $0) })
        var findings = Self.uncovered(lines) + Self.doubled(answers) + disputed.map(\.finding)
        findings += Self.versions(answers) + Self.rivals(answers)
        findings += Self.unserved(answers, unknown)
        findings += silent.filter { !Self.ownsNothing($0, owners) }.map(Self.silent)
        self.findings = findings
        warnings = answers.isEmpty ? [] : silent.filter { Self.ownsNothing($0, owners) }.map(Self.idle)
        isVerified = findings.isEmpty
    }

    // MARK: What one bolt says

    /// Groups whose owners do not add up to all of the slices.
    private static func uncovered(_ lines: [SliceDigests.Line]) -> [Finding] {
        lines.flatMap { line -> [Finding] in
            guard let answer = line.answer else { return [] }
            return answer.groups.compactMap { group in
                let owned = group.owners.reduce(0) { $0 + Int($1.slices) }
                guard owned != Int(group.slices) else { return nil }
                return Finding(
                    code: "not_covered",
                    what: "at \(answer.bolt) \(owned) of the \(group.slices) slices of \(group.name) have an owner",
                    next: "boltctl slice list --group \(group.name) --bolt \(line.address)", mayPass: false)
            }
        }
    }

    /// Registers that a copied key handed on twice.
    private static func doubled(_ answers: [SliceDigestResponse]) -> [Finding] {
        var worst: [GroupName: (bolt: String, count: Int)] = [:]
        for answer in answers {
            for group in answer.groups where group.equivocations > (worst[group.name]?.count ?? 0) {
                worst[group.name] = (answer.bolt, group.equivocations)
            }
        }
        return worst.sorted { $0.key < $1.key }.map { name, found in
            Finding(
                code: "handed_on_twice",
                what: "\(Plural.text(found.count, "register")) of \(name) handed on twice by one key, as "
                    + "\(found.bolt) knows: that key was copied",
                next:
                    "boltctl slice explain \(name)/NUMBER names the partition: remove its bolts, and let it join anew",
                mayPass: false)
        }
    }

    // MARK: Whether they agree

    private static func disputed(
        _ answers: [SliceDigestResponse]
    ) -> [(group: GroupName, finding: Finding)] {
        Set(answers.flatMap { $0.groups.map(\.name) }).sorted().compactMap { name in
            let views = answers.map { answer in (answer.bolt, answer.groups.first { $0.name == name }) }
            if Set(views.map { $0.1?.root }).count > 1 {
                return (
                    name,
                    Finding(
                        code: "two_definitions",
                        what: "bolts know different definitions of the group \(name): \(sides(views) { $0?.root })",
                        next: "wait until the news has spread; boltctl topology history shows an apply that lost",
                        mayPass: true)
                )
            }
            guard Set(views.map { $0.1?.registers }).count > 1 else { return nil }
            return (
                name,
                Finding(
                    code: "owners_differ",
                    what: "bolts disagree about the owners of \(name): \(sides(views) { $0?.registers })",
                    next: "wait until the news has spread; boltctl roster digest shows who is behind", mayPass: true)
            )
        }
    }

    private static func versions(_ answers: [SliceDigestResponse]) -> [Finding] {
        guard Set(answers.map(\.version)).count > 1 else { return [] }
        return [
            Finding(
                code: "topologies_differ",
                what: "bolts know different topologies: \(sides(answers.map { ($0.bolt, $0.version) }) { $0 })",
                next: "wait until the news has spread; boltctl topology history", mayPass: true)
        ]
    }

    /// `1f… at a.north, b.north; 2e… at a.south`.
    private static func sides<View>(_ views: [(String, View)], _ value: (View) -> Bytes32?) -> String {
        let bySide = Dictionary(grouping: views, by: { value($0.1)?.shortHex ?? "nothing" })
        return bySide.sorted { $0.key < $1.key }
            .map { "\($0.key) at \($0.value.map(\.0).sorted().joined(separator: ", "))" }.joined(separator: "; ")
    }

    // MARK: Whether owners serve

    /// States in which a slice is its owner's to serve.
    private static let owning: Set<HandoffSliceState> = [.active, .sending, .sealed]

    /// Partitions of which two bolts say to be primary.
    private static func rivals(_ answers: [SliceDigestResponse]) -> [Finding] {
        let primaries = Dictionary(grouping: answers.filter(\.isPrimary), by: \.partition)
        return primaries.filter { Set($0.value.map(\.bolt)).count > 1 }.sorted { $0.key < $1.key }
            .map { partition, rivals in
                let names = Set(rivals.map(\.bolt)).sorted().joined(separator: " and ")
                return Finding(
                    code: "two_primaries", what: "\(names) both say that they are primary of \(partition)",
                    next: "boltctl partition history \(partition) shows whose epoch counts", mayPass: true)
            }
    }

    /// Owners that do not serve just what is theirs, or whose primary did not answer; `unknown`: partitions of which
    /// not every bolt was asked.
    private static func unserved(
        _ answers: [SliceDigestResponse], _ unknown: Set<PartitionName>
    ) -> [Finding] {
        guard let groups = answers.first?.groups else { return [] }
        let owners = Set(groups.flatMap { $0.owners.filter { $0.slices > 0 }.map(\.partition) }).sorted()
        return owners.flatMap { owner -> [Finding] in
            guard let primary = answers.first(where: { $0.partition == owner && $0.isPrimary }) else {
                // Its primary may be just the bolt that nobody asked.
                guard !unknown.contains(owner) else { return [] }
                let count = groups.reduce(0) { sum, group in
                    sum + group.owners.filter { $0.partition == owner }.reduce(0) { $0 + Int($1.slices) }
                }
                return [
                    Finding(
                        code: "no_primary",
                        what: "\(owner) owns \(Plural.text(count, "slice")) and no primary of it answers",
                        next: "boltctl partition show \(owner)", mayPass: true)
                ]
            }
            return primary.groups.compactMap { served($0, by: primary) }
        }
    }

    private static func served(_ group: SliceDigestResponse.Group, by primary: SliceDigestResponse) -> Finding? {
        let own = group.owners.filter { $0.partition == primary.partition }.reduce(0) { $0 + Int($1.slices) }
        let serves = primary.holdings.filter { $0.group == group.name && owning.contains($0.state) }
            .reduce(0) { $0 + Int($1.slices) }
        let wanted = group.owners.first { $0.partition == primary.partition }?.digest
        let isSame = wanted == nil || wanted == primary.served.first { $0.group == group.name }?.digest
        guard own != serves || !isSame else { return nil }
        let which = own == serves ? "other slices of \(group.name) than the" : "\(serves) slices of \(group.name), and"
        return Finding(
            code: "not_served", what: "\(primary.bolt) serves \(which) \(own) that are its partition's",
            next: "boltctl rebalance status shows what is on its way", mayPass: true)
    }

    /// Whether no bolt that answers says that the partition of this one owns a slice. Of a bolt that nobody knows, and
    /// where nobody answers, that is not known.
    private static func ownsNothing(_ line: SliceDigests.Line, _ owners: Set<PartitionName>) -> Bool {
        guard !owners.isEmpty, let bolt = line.bolt, let partition = try? BoltName.partition(of: bolt) else {
            return false
        }
        return !owners.contains(partition)
    }

    private static func idle(_ line: SliceDigests.Line) -> Finding {
        let partition = line.bolt.flatMap { try? BoltName.partition(of: $0) }
        let name = partition?.text ?? "its partition"
        return Finding(
            code: "unreachable",
            what: "\(line.name) could not be asked; \(name) owns no slice: \(line.error ?? "no answer")",
            next: "once it is gone for good: boltctl bolt remove \(line.name) --dead", mayPass: true)
    }

    private static func silent(_ line: SliceDigests.Line) -> Finding {
        Finding(
            code: "unreachable", what: "\(line.name) could not be asked: \(line.error ?? "no answer")",
            next: "boltctl status", mayPass: true)
    }
}
