public import Spanner

/// What is held of one envoy whose slice is another partition's, cut into parts that are read one at a time.
public struct EnvoyRemains {
    /// Whose.
    public let envoy: PrincipalID
    let parts: [[SliceSnapshot.Part]]

    /// Parts; at least one.
    public var count: Int { parts.count }

    /// Rows of one part at most.
    static let rowsMax = 64
}

extension PartitionStore {
    /// The first envoy of a slice after one, by id; nil where there is none.
    public func firstEnvoy(of slice: SliceID, after envoy: PrincipalID?) throws(StoreError) -> PrincipalID? {
        try tables.slices.envoys(of: slice, after: envoy, limit: 1).first
    }

    /// All that is held of an envoy: as ranges, for it is not served here, and nothing more comes.
    public func remains(of envoy: PrincipalID) throws(StoreError) -> EnvoyRemains {
        var parts: [[SliceSnapshot.Part]] = []
        var (part, bytes): ([SliceSnapshot.Part], Int) = ([], 0)
        for row in try tables.slices.parts(of: envoy) {
            let size = try tables.slices.bytes(of: row)
            let isFull = part.count == EnvoyRemains.rowsMax || bytes + size > SliceSnapshot.pieceBytes
            if isFull, !part.isEmpty {
                parts.append(part)
                (part, bytes) = ([], 0)
            }
            part.append(row)
            bytes += size
        }
        return EnvoyRemains(envoy: envoy, parts: parts + [part])
    }

    /// The content of one part.
    public func content(of number: Int, _ remains: EnvoyRemains) throws(StoreError) -> [UInt8] {
        var rows: [SliceRow] = []
        for part in remains.parts[number] { if let row = try tables.slices.row(part) { rows.append(row) } }
        return SliceRow.content(rows)
    }

    /// The commands that bring such a part into the tables here, where the envoy is served; nil where it is no part, or
    /// one of another envoy. The traits that are known here are the later ones, and stay.
    public func commands(
        bringing content: [UInt8], of envoy: PrincipalID
    ) throws(StoreError) -> [PartitionCommand]? {
        guard let rows = SliceRow.rows(content), rows.count <= EnvoyRemains.rowsMax else { return nil }
        var commands: [PartitionCommand] = []
        for row in rows {
            switch row {
            case .envoy(let id, let seen, let traits):
                guard id == envoy else { return nil }
                let isKnown = try tables.envoys.record(of: envoy)?.traits != nil
                commands.append(
                    .seen([
                        PartitionCommand.EnvoySighting(
                            envoy: id, at: WallTime(milliseconds: seen), traits: isKnown ? nil : traits)
                    ]))
            case .results(let source, let results):
                guard source.envoy == envoy, let last = results.last, results.count <= PartitionLimits.resultsMax,
                    zip(results, results.dropFirst()).allSatisfy({ $0.sequence < $1.sequence })
                else { return nil }
                commands.append(
                    .results(
                        PartitionCommand.QueuedResults(
                            source: source, received: WallTime(milliseconds: last.received),
                            results: results.map { SequencedResult(sequence: $0.sequence, body: $0.body) })))
            case .base(let source, _, let through, let reason, let at):
                guard source.envoy == envoy else { return nil }
                commands.append(
                    .base(source, through: through, reason: reason, at: WallTime(milliseconds: at)))
            }
        }
        return commands
    }
}
