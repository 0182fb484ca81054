import CRDT
import Spanner

/// A hash for tests: the same answer for the same input, fit for honest runs only.
struct ChainWitness: Witness {
    func hash(_ bytes: [UInt8]) -> Bytes32 {
        var lanes: (UInt64, UInt64) = (0xCBF2_9CE4_8422_2325, 0x9E37_79B9_7F4A_7C15)
        for byte in bytes {
            lanes.0 = (lanes.0 ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            lanes.1 = (lanes.1 &+ UInt64(byte) &+ 1) &* 0xBF58_476D_1CE4_E5B9
            lanes.1 ^= lanes.1 >> 29
        }
        return Bytes32(words: (lanes.0, lanes.1, lanes.0 &+ lanes.1, lanes.0 ^ (lanes.1 << 1)))
    }

    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool { false }
    func author(certifiedBy chain: [[UInt8]]) -> Author? { nil }
    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool { false }
}

/// A partition's database as a test needs it: what `PartitionWrite` says is done, and checked.
struct PartitionTestDisk {
    let chain = JournalChain(witness: ChainWitness())
    let genesis: Bytes32
    var records: [JournalRecord] = []
    /// Position before the first record that is still held.
    var compacted: UInt64 = 0
    var points: [LogPoint]
    var safe: UInt64 = 0
    var promised = PartitionEpoch.none
    var acquaintances: [ReplicaID] = []
    var isForgetful = true
    var salvage: [JournalRecord] = []
    var isFull = false
    /// What it was made to do that no machine may ask for.
    var broken: [String] = []

    init(genesis: Bytes32) {
        self.genesis = genesis
        points = [LogPoint(epoch: .none, position: 0, hash: genesis)]
    }

    var tip: LogPoint { points[points.count - 1] }

    mutating func commit(_ write: PartitionWrite) -> PersistFailure? {
        if isFull { return .full }
        if write.records.count > PartitionLimits.writeRecordsMax || write.acquaintances?.count ?? 0 > 16 {
            broken.append("more in one transaction than a store takes")
        }
        guard write.fence == promised else { return .fenced }
        if let cut = write.cut {
            if cut < safe { broken.append("P4: cuts to \(cut), below safe \(safe)") }
            salvage += records.filter { $0.position > cut }
            records.removeAll { $0.position > cut }
            points.removeAll { $0.position > cut }
        }
        for record in write.records {
            guard chain.isFollowing(record, tip) else { return .mismatch }
            records.append(record)
            points.append(chain.point(of: record))
        }
        if let next = write.safe {
            if next < safe || next > tip.position { broken.append("P4: safe from \(safe) to \(next)") }
            safe = next
        }
        if let promise = write.promise {
            if promise < promised { broken.append("P2: promise goes back") }
            promised = promise
        }
        if let known = write.acquaintances { acquaintances = known }
        if write.remembers { isForgetful = false }
        return nil
    }

    var durable: PartitionDurable {
        var state = PartitionDurable(genesis: genesis)
        (state.tip, state.safe, state.promised) = (tip, safe, promised)
        (state.acquaintances, state.isForgetful, state.firstHeld) = (acquaintances, isForgetful, compacted + 1)
        for record in records {
            switch record.content {
            case .control(.begin(let begin)):
                state.history.append(points[Int(record.position)])
                state.configurations.append(
                    PlacedConfiguration(position: record.position, configuration: begin.configuration))
            case .control(.configuration(let configuration)):
                state.configurations.append(
                    PlacedConfiguration(position: record.position, configuration: configuration))
            case .control(.handover(let operation, _)):
                state.openHandover = record.position == tip.position ? operation : nil
            case .commands, .control(.handoverCancelled): break
            }
        }
        return state
    }

    func records(from position: UInt64, bytesMax: Int) -> [JournalRecord] {
        guard position > compacted, position <= tip.position else { return [] }
        var (found, size): ([JournalRecord], Int) = ([], 0)
        for record in records[Int(position - 1)...] where found.isEmpty || size < bytesMax {
            found.append(record)
            size += record.contentBytes
        }
        return found
    }

    /// All commands in order.
    var commands: [[UInt8]] {
        records.flatMap { record -> [[UInt8]] in
            if case .commands(let commands) = record.content { return commands }
            return []
        }
    }

    /// Takes over another's contents, as installing a snapshot does.
    mutating func install(_ other: PartitionTestDisk) {
        (records, points, safe, compacted) = (other.records, other.points, other.safe, other.compacted)
    }
}
