internal import Glibc
public import Spanner

extension PartitionStore {
    /// Where a stand-in has its empty database, within the state directory.
    private static let standInFolder = "fenced"

    /// A store in the place of one that can't be opened because its database is not what was written (D4): it holds
    /// nothing, every call throws `store_poisoned` with that reason, and the damaged files are left as they are. Its
    /// disk is the one that was damaged; `incarnation` where that can't be told.
    public static func standIn(
        for damage: StoreError, directory: StateDirectory, identity: PartitionIdentity, witness: any Witness,
        incarnation: UInt64
    ) throws(StoreError) -> PartitionStore {
        try removeStandIn(in: directory)
        let store = try PartitionStore(
            directory: StateDirectory(path: directory.file(standInFolder)), identity: identity, witness: witness)
        let last = IncarnationKeeper.value(in: directory.file("partition-incarnation"))
        store.disk = .current(last.map { $0.reduce(0) { $0 << 8 | UInt64($1) } } ?? incarnation)
        store.database.poison(with: damage)
        return store
    }

    /// Removes what an earlier stand-in left.
    static func removeStandIn(in directory: StateDirectory) throws(StoreError) {
        let folder = directory.file(standInFolder)
        for name in [fileName, fileName + "-wal", fileName + "-journal", "partition-incarnation", "lock"] {
            try FileSystem.remove("\(folder)/\(name)")
        }
        rmdir(folder)
    }
}
