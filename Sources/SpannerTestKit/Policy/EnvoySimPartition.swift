import CRDT
import Spanner

/// What a partition has of one queue.
struct EnvoySimRows: Hashable {
    let envoy: Int
    /// Stored up to here, or told why not.
    var through: UInt64 = 0
    var items: [UInt64: EnvoySimItem] = [:]
    /// Numbers that are not here, because the envoy had deleted them already.
    var missing: [ClosedRange<UInt64>] = []
}

/// One version as its partition journaled it.
struct EnvoySimVersion: Hashable {
    let signed: SignedPolicyHead
    let leaves: [PolicyLeaf]
    /// Envoys whose leaf is another one than before.
    let changed: [PrincipalID]
}

/// A record of the journal.
enum EnvoySimContent: Hashable {
    case begin
    case results(QueueID, envoy: Int, firstHeld: UInt64, [SimItemPlace])
    case version(EnvoySimVersion)
    case order(SignedPolicyOrder)
    case adopt([QueueID: EnvoySimRows])

    struct SimItemPlace: Hashable {
        let sequence: UInt64
        let item: EnvoySimItem
    }
}

/// What a prefix of a journal says.
struct EnvoySimTables {
    var rows: [QueueID: EnvoySimRows] = [:]
    var version: EnvoySimVersion?
    var orders: [PrincipalID: SignedPolicyOrder] = [:]
    var orderCount: UInt64 = 0

    mutating func apply(_ content: EnvoySimContent) {
        switch content {
        case .begin: break
        case .results(let queue, let envoy, let firstHeld, let places):
            var row = rows[queue] ?? EnvoySimRows(envoy: envoy)
            if firstHeld > row.through + 1 {
                row.missing.append(row.through + 1...firstHeld - 1)
                row.through = firstHeld - 1
            }
            for place in places where place.sequence == row.through + 1 {
                row.items[place.sequence] = place.item
                row.through = place.sequence
            }
            rows[queue] = row
        case .version(let version): self.version = version
        case .order(let signed):
            orders[signed.order.envoy] = signed
            orderCount = max(orderCount, signed.order.sequence)
        case .adopt(let adopted):
            for (queue, row) in adopted { rows[queue] = row }
        }
    }
}

/// One partition of the model: its journal as its primary has it, and how much of that no failover loses.
struct EnvoySimPartition {
    let name: PartitionName
    var journal: [EnvoySimContent] = []
    var tables = EnvoySimTables()
    /// Records that no promotion loses, and what they say.
    var safe = 0
    var safeTables = EnvoySimTables()
    var epoch: PartitionEpoch
    var registers = SliceRegisterSet()
    var isUp = true
    /// Its standbys are away till then: nothing becomes safe.
    var outageUntil: UInt64 = 0
    /// Which machines have the version in force.
    var rollout: Rollout?
    var rolloutOf: UInt64 = 0
    var given: Set<PrincipalID> = []
    /// What it keeps for absent owners.
    var custody: [EnvoySimRequest] = []
    /// Grants of other partitions, to serve while those are away.
    var covers: [PrincipalID: PolicyGrant] = [:]

    init(_ name: PartitionName) {
        self.name = name
        epoch = EnvoySimPartition.epoch(1, of: name)
    }

    static func epoch(_ number: UInt64, of name: PartitionName) -> PartitionEpoch {
        let key = TestWitness.digest(Array("minter of \(name)".utf8))
        return PartitionEpoch(number: number, minter: ReplicaID(key: key, incarnation: number))
    }

    /// The reigning bolt: each has a key of its own, all are certified for the partition.
    var identity: TestPartition { TestPartition(name, seed: epoch.number) }

    mutating func append(_ content: EnvoySimContent) {
        journal.append(content)
        tables.apply(content)
    }

    /// All standbys have so many records.
    mutating func becomeSafe(_ count: Int) {
        while safe < min(count, journal.count) {
            safeTables.apply(journal[safe])
            safe += 1
        }
    }

    /// What a promotion, or a copy that is put back, leaves.
    mutating func cut(to count: Int) {
        journal = Array(journal.prefix(count))
        (tables, safeTables, safe) = (EnvoySimTables(), EnvoySimTables(), 0)
        for content in journal { tables.apply(content) }
        becomeSafe(count)
        (rollout, rolloutOf, given, custody) = (nil, 0, [], [])
    }
}
