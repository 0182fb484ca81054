import CRDT
import Spanner

/// A check-in on its way.
struct EnvoySimRequest {
    let number: UInt64
    let envoy: Int
    let queue: QueueID
    let firstHeld: UInt64
    let places: [EnvoySimContent.SimItemPlace]
    let remembered: Bytes32?
    let epoch: UInt64
    let heldLeaf: Bytes32?
    /// What the report is asked to begin after.
    let after: UInt64

    /// What stands for the report in a receipt.
    func told(by witness: TestWitness) -> Bytes32 {
        let results = places.map {
            SequencedResult(sequence: $0.sequence, body: withUnsafeBytes(of: $0.item.digest.bigEndian, Array.init))
        }
        return OwnerReceipt.digest(firstHeld: firstHeld, results: results, by: witness)
    }
}

/// The answer to one.
struct EnvoySimReply {
    /// Who gave it, and as whose word: for the checkers.
    enum Source: Hashable {
        case owner(PartitionName, PartitionEpoch)
        case custody
    }

    var source: Source
    /// The partition whose certificate the bolt has that gave it.
    var from: PartitionName
    var epoch: UInt64
    var voucher: [UInt8]?
    var storedThrough: UInt64 = 0
    var releaseThrough: UInt64 = 0
    var signature: [UInt8]?
    /// What the owner signed as told.
    var told: Bytes32?
    var contradicts = false
    var grant: [UInt8]?
    var beacon: [UInt8]?
    var order: [UInt8]?
}

/// One agent: its disk, and what it has in memory.
struct EnvoySimEnvoy {
    let index: Int
    let id: PrincipalID
    let slice: SliceID
    /// What survives a crash.
    var durable: EnvoySimDisk
    /// What it works on; equal to `durable` between transactions.
    var disk: EnvoySimDisk
    /// Older copies of the disk, oldest first.
    var backups: [EnvoySimDisk] = []
    var machine: EnvoyMachine
    var isUp = true
    /// Counts the lives of the process.
    var life: UInt64 = 0
    /// The check-in that is under way.
    var asked: UInt64?
    /// The answer that is being obeyed.
    var obeying: EnvoySimReply?
    /// How often it began a new queue because its owner contradicted it.
    var startsOver = 0
    /// The leaf that is in force at the machine: what was acted on last.
    var applied: PolicyLeaf?
}
