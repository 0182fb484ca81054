internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    /// Lines of the audit log that are looked through for who asked for an epoch: the latest.
    static let historyLinesMax: UInt64 = 4000

    /// The latest epochs, with who asked for each where the audit log says so.
    func history(_ picture: PartitionPicture) async throws -> PartitionHistoryResponse {
        let (bolt, age) = (configuration.fullName, primaryAge())
        let views = NodeViews(configuration: configuration)
        // Disks outlive the admission of their bolts, and whoever reads of them wants to know whose they were.
        let names = await node.read { node in
            Dictionary(
                node.machine.roster.vector.entries.map { ($0.replica.key, views.author(node, $0.replica)) },
                uniquingKeysWith: { first, _ in first })
        }
        let words = HistoryWords(picture: picture, names: names)
        return try await readStore { partition in
            let begins = try partition.store.history()
            let lines = try HistoryWords.lines(in: partition.store.tables.audit)
            let disks = Set(begins.flatMap { $0.begin.configuration.members + $0.begin.promisedBy })
            let epochs = begins.map { point, begin in
                let line = lines[begin.operation.description]
                return EpochView(
                    point: point, cause: PartitionCauseWord(begin.cause), operation: begin.operation,
                    minter: words.view(point.epoch.minter), basis: begin.basis,
                    promisedBy: begin.promisedBy.map { words.view($0) },
                    acceptedLoss: begin.acceptedLoss.map { words.named($0, disks) },
                    members: begin.configuration.members.map { words.view($0) }, at: line?.at, actor: line?.actor,
                    reason: line?.reason)
            }
            return PartitionHistoryResponse(
                partition: picture.name, bolt: bolt, epochs: epochs, tip: partition.machine.tip,
                safe: partition.machine.safePosition, ageSeconds: age)
        }
    }
}

/// Disks of a partition's history with the names of the bolts that they were of.
struct HistoryWords {
    let picture: PartitionPicture
    /// By key: bolts that ever wrote to the roster.
    let names: [Bytes32: String]

    func view(_ disk: ReplicaID) -> DiskView {
        DiskView(bolt: picture.view(disk).bolt ?? names[disk.key], disk: disk)
    }

    /// A text with a bolt's name before each disk that it names by its short form.
    func named(_ text: String, _ disks: Set<ReplicaID>) -> String {
        disks.sorted().reduce(text) { text, disk in
            guard let bolt = view(disk).bolt else { return text }
            return text.replacing(disk.description, with: "\(bolt) (\(disk))")
        }
    }

    /// By the operation's id: the line of the audit log that says who asked for it. What was refused began nothing.
    static func lines(in audit: AuditTable) throws -> [String: AuditEntry] {
        var lines: [String: AuditEntry] = [:]
        try forEachLine(of: audit) { entry in
            guard let operation = begun(in: entry) else { return }
            lines[operation] = lines[operation] ?? entry
        }
        return lines
    }

    /// The words of the lines that are about one operation.
    static func words(of operation: OperationID, in audit: AuditTable) throws -> Set<String> {
        var words: Set<String> = []
        try forEachLine(of: audit) { entry in
            if self.operation(in: entry) == operation.description { words.insert(entry.action) }
        }
        return words
    }

    private static func forEachLine(of audit: AuditTable, _ visit: (AuditEntry) -> Void) throws {
        let last = try audit.last().number
        var after = last - min(last, BoltEndpoints.historyLinesMax)
        while after < last {
            let page = try audit.records(after: after, limit: APILimits.pageCountMax)
            guard let end = page.last?.number else { return }
            for record in page { visit(record.entry) }
            after = end
        }
    }

    /// The operation that a line says to be asked for or done; what was refused began nothing.
    static func begun(in entry: AuditEntry) -> String? {
        entry.action.hasSuffix(".refused") ? nil : operation(in: entry)
    }

    /// The operation that a line is about; nil where it is about none.
    static func operation(in entry: AuditEntry) -> String? {
        guard let range = entry.object.firstRange(of: "by operation ") else { return nil }
        return String(entry.object[range.upperBound...].prefix(32))
    }
}
