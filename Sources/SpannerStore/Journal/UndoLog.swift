internal import CRDT
internal import Spanner

/// How what one record changed is taken back, for the two commands that nearly all records consist of: results and
/// check-ins. Everything else is recorded by SQLite's session extension, which costs many times as much, as it reads
/// every changed row again and keeps its content a second time.
///
/// Steps in the order in which they were done; undone from the last to the first. Each step of the undoing finds
/// exactly the row that the doing left, or the journal is damaged.
final class UndoLog {
    /// What a check-in found.
    struct Sighting {
        enum Traits {
            /// The check-in brought none, so that what was there stays.
            case untouched
            /// There were none.
            case absent
            /// Digest and document.
            case present(digest: [UInt8], document: [UInt8])
        }

        var lastSeen: Int64
        var traits: Traits
    }

    private enum Kind: UInt8 {
        case opened = 1
        case moved = 2
        case stored = 3
        case seenFirst = 4
        case seen = 5
    }

    /// The first byte; a changeset of SQLite begins with a letter.
    private static let version: UInt8 = 1
    private static let stepsMax = PartitionLimits.recordCommandsMax * (PartitionLimits.resultsMax + 2)
    private var steps: [[UInt8]] = []

    /// Steps so far.
    var count: Int { steps.count }

    /// Forgets steps that were rolled back.
    func forget(after count: Int) { steps.removeLast(steps.count - count) }

    /// The log as it is kept; empty where nothing changed.
    var bytes: [UInt8] {
        guard !steps.isEmpty else { return [] }
        var encoder = CanonicalEncoder(capacity: steps.reduce(16) { $0 + $1.count + 2 })
        encoder.byte(UndoLog.version)
        encoder.list(steps) { encoder, step in encoder.string(step) }
        return encoder.bytes
    }

    /// The commands of a record, if all of them are of the kinds that this log knows.
    static func commands(in record: [[UInt8]]) -> [PartitionCommand]? {
        var commands: [PartitionCommand] = []
        commands.reserveCapacity(record.count)
        for bytes in record {
            guard let command = PartitionTables.decode(bytes) else { return nil }
            switch command {
            case .results, .seen: commands.append(command)
            case .base, .tokenSpent, .setting, .secret, .keyring, .audit, .skip, .placed, .handoffSource,
                .handoffTarget, .sliceCollected, .task, .remainsGone, .policy:
                return nil
            }
        }
        return commands
    }

    // MARK: Doing

    private func note(_ kind: Kind, _ write: (inout CanonicalEncoder) -> Void) {
        var encoder = CanonicalEncoder(capacity: 32)
        encoder.byte(kind.rawValue)
        write(&encoder)
        steps.append(encoder.bytes)
    }

    /// A queue's row was made.
    func opened(_ queue: Int64) { note(.opened) { $0.integer(UInt64(bitPattern: queue)) } }

    /// A queue is stored further.
    func moved(_ queue: Int64, from: UInt64, to: UInt64) {
        note(.moved) { encoder in
            encoder.integer(UInt64(bitPattern: queue))
            encoder.integer(from)
            encoder.integer(to)
        }
    }

    /// A result's row was made.
    func stored(_ queue: Int64, _ sequence: UInt64, checksum: Int64) {
        note(.stored) { encoder in
            encoder.integer(UInt64(bitPattern: queue))
            encoder.integer(sequence)
            encoder.integer(UInt64(bitPattern: checksum))
        }
    }

    /// An envoy's row is about to be made, or to be changed from this, by a check-in of that instant.
    func seen(_ envoy: PrincipalID, at: Int64, before: Sighting?) {
        note(before == nil ? .seenFirst : .seen) { encoder in
            encoder.raw(envoy.bytes)
            encoder.integer(UInt64(bitPattern: max(at, before?.lastSeen ?? at)))
            guard let before else { return }
            encoder.integer(UInt64(bitPattern: before.lastSeen))
            switch before.traits {
            case .untouched: encoder.byte(0)
            case .absent: encoder.byte(1)
            case .present(let digest, let document):
                encoder.byte(2)
                encoder.string(digest)
                encoder.string(document)
            }
        }
    }

    // MARK: Undoing

    /// Whether these bytes are such a log.
    static func holds(_ bytes: [UInt8]) -> Bool { bytes.first == version }

    /// Takes back what the log says. `store_corrupt` where the tables are not as the record left them. Only inside a
    /// transaction, which is to be given up when this throws.
    static func undo(_ bytes: [UInt8], in database: Database) throws(StoreError) {
        let steps: [[UInt8]]
        do throws(DecodingFailure) {
            var decoder = CanonicalDecoder(bytes)
            _ = try decoder.byte()
            steps = try decoder.list("steps", limit: stepsMax) {
                (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                try decoder.string("step", limit: StoreLimits.traitsBytesMax + 256)
            }
            try decoder.finish()
        } catch { throw database.damage("what undoes a record can't be read: \(error)") }
        for step in steps.reversed() {
            let changed: Int
            do { changed = try take(back: step, in: database) } catch let error as StoreError { throw error } catch {
                throw database.damage("a step that undoes a record can't be read: \(error)")
            }
            guard changed == 1 else { throw database.damage("the tables are not what the record to be undone left") }
        }
    }

    /// How many rows that changed.
    private static func take(back step: [UInt8], in database: Database) throws -> Int {
        var decoder = CanonicalDecoder(step)
        func value() throws -> SQLValue { .integer(Int64(bitPattern: try decoder.integer())) }
        switch Kind(rawValue: try decoder.byte()) {
        case .opened: return try database.run("DELETE FROM queue WHERE ix = ?1 AND stored_through = 0", try value())
        case .moved:
            let queue = Int64(bitPattern: try decoder.integer())
            let (from, to) = (try decoder.integer(), try decoder.integer())
            return try ResultStore.move(back: queue, from: to, to: from, in: database)
        case .stored:
            let (queue, sequence, checksum) = (try value(), try value(), try value())
            return try database.run(
                "DELETE FROM result WHERE queue_ix = ?1 AND sequence = ?2 AND hash = ?3", queue, sequence, checksum)
        case .seenFirst:
            let envoy = SQLValue.blob(try decoder.raw(PrincipalID.count))
            return try database.run("DELETE FROM envoy WHERE id = ?1 AND last_seen_ms = ?2", envoy, try value())
        case .seen:
            let envoy = SQLValue.blob(try decoder.raw(PrincipalID.count))
            let (after, before) = (try value(), try value())
            switch try decoder.byte() {
            case 0:
                return try database.run(
                    "UPDATE envoy SET last_seen_ms = ?3 WHERE id = ?1 AND last_seen_ms = ?2", envoy, after, before)
            case 1:
                return try database.run(
                    """
                    UPDATE envoy SET last_seen_ms = ?3, traits_digest = NULL, traits = NULL
                    WHERE id = ?1 AND last_seen_ms = ?2
                    """, envoy, after, before)
            case _:
                let digest = try decoder.string("digest", limit: Bytes32.count)
                let document = try decoder.string("traits", limit: StoreLimits.traitsBytesMax)
                return try database.run(
                    """
                    UPDATE envoy SET last_seen_ms = ?3, traits_digest = ?4, traits = ?5
                    WHERE id = ?1 AND last_seen_ms = ?2
                    """, envoy, after, before, .blob(digest), .blob(document))
            }
        case nil: throw DecodingFailure.invalid(what: "kind of step")
        }
    }
}
