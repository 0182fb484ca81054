internal import Spanner

/// Builds a copy of a partition's database beside the work on it: a few pages between two commits.
///
/// Lives with the store that began it, and must end, or be dropped, before a snapshot is installed there.
public final class SnapshotBuilder {
    private let store: PartitionStore
    private let backup: DatabaseBackup
    private let path: String
    private var isHandedOn = false

    init(store: PartitionStore, path: String) throws(StoreError) {
        (self.store, self.path) = (store, path)
        backup = try DatabaseBackup(of: store.database, at: path)
    }

    deinit { if !isHandedOn { try? FileSystem.remove(path) } }

    /// Copies up to `pages` pages, outside a transaction. Returns nil while there are more; then a draft, which holds
    /// every commit up to now. `store_full` where there is no room for the copy; the store goes on unharmed.
    public func step(pages: Int32 = StoreLimits.snapshotStepPages) throws(StoreError) -> SnapshotDraft? {
        guard try backup.step(pages: max(1, pages)) else { return nil }
        isHandedOn = true
        return SnapshotDraft(
            path: path, point: try store.state().tip, witness: store.witness, identity: store.identity)
    }

    /// Pages still to be copied, and pages in all, as of the last step.
    public var remaining: (pages: Int, of: Int) { backup.remaining }
}

/// A copy that has all its pages and is not verified yet.
public struct SnapshotDraft: Sendable {
    let path: String
    let point: LogPoint
    let witness: any Witness
    let identity: PartitionIdentity

    /// Strips what is this disk's own, verifies every row, flushes and hashes the copy (D4: rot is found before it is
    /// shipped). Reads all of it, so it may be called, once, from any thread; the store goes on meanwhile. Where it
    /// throws, the file is gone.
    public func seal() throws(StoreError) -> PartitionSnapshot {
        do throws(StoreError) {
            let copy = try Database.openAside(PartitionStore.kind, at: path)
            try copy.transaction { () throws(StoreError) in
                try SalvageTable(database: copy).removeAll()
                try copy.run("DELETE FROM incarnation")
            }
            let state = try IncomingSnapshot.verified(copy, identity: identity, witness: witness)
            guard state.tip == point else { throw copy.damage("the copy does not end where it should") }
            try copy.close()
            try FileSystem.synchronise(file: path)
            let (digest, bytes) = try SnapshotDigest.of(path, witness: witness)
            return PartitionSnapshot(point: point, bytes: bytes, digest: digest, path: path)
        } catch {
            discard()
            throw error
        }
    }

    /// Removes the file of a draft that nobody wants any more.
    public func discard() { for name in [path, path + "-wal"] { try? FileSystem.remove(name) } }
}

extension PartitionStore {
    /// Names in the state directory that copies have while they are made, sent or received. What a crash left under
    /// them is removed at the next opening.
    static let asideNames: [String] = {
        let names = ["partition.incoming"] + (0..<StoreLimits.snapshotsMax).map { "partition.snapshot-\($0)" }
        return names.flatMap { [$0, $0 + "-wal", $0 + "-journal"] }
    }()

    /// Begins a copy of the database for a standby that needs what the journal no longer holds. At most
    /// `StoreLimits.snapshotsMax` are kept at once, else `store_too_large`.
    public func beginSnapshot() throws(StoreError) -> SnapshotBuilder {
        for number in 0..<StoreLimits.snapshotsMax {
            let path = directory.file("partition.snapshot-\(number)")
            if FileSystem.exists(path) { continue }
            return try SnapshotBuilder(store: self, path: path)
        }
        throw StoreError(
            .tooLarge, what: "beginning a snapshot of \(identity)",
            why: "\(StoreLimits.snapshotsMax) are kept already", next: "wait until one of them is sent")
    }
}
