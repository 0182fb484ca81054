internal import CRDT
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore

/// What a start reads of the bolt's part in its partition. Nothing is said to anybody yet.
struct PartitionStart {
    let store: PartitionStore
    let own: PartitionSelf
    let founder: FounderState
    /// Why the bolt takes no part in its partition, because its database is not what was written; nil where it is.
    let damage: StoreError?

    /// Opens or makes `partition.db`, and gives a new, copied or restored one an incarnation that no disk ever had.
    ///
    /// A database that is not what was written is no error here (D4): the roster goes on, and an operator sees why this
    /// bolt takes no part. Throws `StoreError`; changes nothing but what opening a store does.
    init(
        _ place: BoltPlace, key: Bytes32, witness: any Witness, reserveSpent: inout Bool, logger: Logger
    ) throws(StoreError) {
        let configuration = place.configuration
        let identity = PartitionIdentity(mesh: place.identity.credential.mesh, partition: configuration.partition)
        try self.init(
            key: key, mark: FounderMark(directory: configuration.identityDirectory), identity: identity,
            directory: place.directory, logger: logger, witness: witness
        ) { () throws(StoreError) in
            try PartitionStart.open(
                place, identity: identity, witness: witness, reserveSpent: &reserveSpent, logger: logger)
        }
    }

    /// The same over what `open` opens in a directory.
    init(
        key: Bytes32, mark: FounderMark, identity: PartitionIdentity, directory: StateDirectory, logger: Logger,
        witness: any Witness, open: () throws(StoreError) -> PartitionStore
    ) throws(StoreError) {
        do throws(StoreError) {
            try self.init(store: open(), key: key, mark: mark, logger: logger, witness: witness)
        } catch {
            guard error.code == .corrupt else { throw error }
            let store = try PartitionStore.standIn(
                for: error, directory: directory, identity: identity, witness: witness,
                incarnation: UInt64.random(in: 1...UInt64.max))
            self.init(standIn: store, damage: error, key: key, mark: mark, witness: witness)
        }
    }

    private init(
        standIn store: PartitionStore, damage: StoreError, key: Bytes32, mark: FounderMark, witness: any Witness
    ) {
        (self.store, self.damage) = (store, damage)
        var incarnation: UInt64 = 0
        if case .current(let value) = store.disk { incarnation = value }
        own = PartitionStart.own(store.identity, key: key, incarnation: incarnation, witness: witness)
        founder = FounderState(mark: mark, mayFound: false)
    }

    private static func own(
        _ identity: PartitionIdentity, key: Bytes32, incarnation: UInt64, witness: any Witness
    ) -> PartitionSelf {
        PartitionSelf(
            partition: JournalChain(witness: witness).genesis(mesh: identity.mesh, partition: identity.partition.text),
            disk: ReplicaID(key: key, incarnation: incarnation))
    }

    /// The same over a store that is open.
    init(
        store: PartitionStore, key: Bytes32, mark: FounderMark, logger: Logger, witness: any Witness
    ) throws(StoreError) {
        (self.store, damage) = (store, nil)
        let identity = store.identity
        let incarnation: UInt64
        switch store.disk {
        case .current(let value): incarnation = value
        case .renewalNeeded(let doubt):
            incarnation = UInt64.random(in: 1...UInt64.max)
            try store.renewDisk(to: incarnation)
            logger.notice("the partition's disk is a new one", metadata: [LogKeys.why: "\(doubt.rawValue)"])
        }
        own = PartitionStart.own(identity, key: key, incarnation: incarnation, witness: witness)
        let durable = try store.durable()
        let isEmpty = durable.tip.position == 0 && durable.promised == .none
        founder = FounderState(
            mark: mark,
            mayFound: isEmpty && mark.isOpen(partition: identity.partition.text, incarnation: incarnation))
    }

    /// On a full disk the reserve is what opening needs: it is given up, and the bolt starts in the mode that it would
    /// be in had it not ended.
    private static func open(
        _ place: BoltPlace, identity: PartitionIdentity, witness: any Witness, reserveSpent: inout Bool, logger: Logger
    ) throws(StoreError) -> PartitionStore {
        do throws(StoreError) {
            return try PartitionStore(directory: place.directory, identity: identity, witness: witness)
        } catch {
            guard error.code == .full, place.directory.reserve.bytes > 0 else { throw error }
            try place.directory.reserve.release()
            logger.warning("the disk is full: the reserve is given up to start; results are refused")
            reserveSpent = true
            return try PartitionStore(directory: place.directory, identity: identity, witness: witness)
        }
    }
}
