import CRDT
import Spanner

/// What a partition's commands change, modelled: cells whose values depend on every command that touched them and on
/// the order in which they did.
struct PartitionSimTables {
    /// What one record changed, so that it can be taken back: as a session's changeset is.
    struct Undo {
        var cells: [(cell: Int, before: UInt64)] = []
        var applied: UInt64
    }

    static let cellsCount = 16
    private var cells = [UInt64](repeating: 0, count: PartitionSimTables.cellsCount)
    /// Position of the last record that was applied.
    private(set) var applied: UInt64 = 0

    /// The number that a command of the simulation carries; nil for anything else.
    static func attempt(of command: [UInt8]) -> UInt64? {
        command.count >= 8 ? command.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } : nil
    }

    /// A command with this number; the rest is there to have a length.
    static func command(_ attempt: UInt64, padding: Int) -> [UInt8] {
        withUnsafeBytes(of: attempt.bigEndian) { Array($0) } + [UInt8](repeating: 7, count: padding)
    }

    /// Marks the number of a change that must stand right before its command's own, as an audit line does.
    static let companion: UInt64 = 1 << 63

    /// What a command with this number changes: now and then two things at once.
    static func changes(_ attempt: UInt64, padding: Int) -> [[UInt8]] {
        let own = command(attempt, padding: padding)
        return attempt % 5 == 0 ? [command(attempt | companion, padding: 0), own] : [own]
    }

    mutating func apply(_ record: JournalRecord) -> Undo {
        var undo = Undo(applied: applied)
        applied = record.position
        guard case .commands(let commands) = record.content else { return undo }
        for command in commands {
            let attempt = PartitionSimTables.attempt(of: command) ?? 0
            let cell = Int(attempt % UInt64(PartitionSimTables.cellsCount))
            undo.cells.append((cell, cells[cell]))
            cells[cell] = TestWitness.mix(cells[cell] ^ attempt)
        }
        return undo
    }

    mutating func takeBack(_ undo: Undo) {
        for (cell, before) in undo.cells.reversed() { cells[cell] = before }
        applied = undo.applied
    }

    /// A number that two tables share only where they are equal.
    var digest: UInt64 { cells.reduce(TestWitness.mix(applied)) { TestWitness.mix($0 ^ $1) } }
}
