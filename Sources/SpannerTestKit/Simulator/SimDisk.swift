import CRDT
import Spanner

/// One bolt's database: whole transactions, what a crash takes, and copies that come back.
struct SimDisk {
    /// What a copy of the files holds.
    struct Image {
        var runs: [ReplicaID: [SignedRun]] = [:]
        var vector = VersionVector()
        /// Proofs that replicas told two stories.
        var forks: [ReplicaID: ForkProof] = [:]
        /// The incarnation that is written in the database itself.
        var incarnation: UInt64
    }

    /// What is durable.
    private(set) var image: Image
    /// The incarnation kept outside the database: where the two differ, the database is a copy of another life.
    var keptIncarnation: UInt64
    /// The transaction on its way.
    private(set) var pending: (id: BatchID, runs: [SignedRun])?
    /// Earlier copies, oldest first; at most `copiesMax`.
    private(set) var copies: [Image] = []
    static let copiesMax = 8

    init(incarnation: UInt64) {
        image = Image(incarnation: incarnation)
        keptIncarnation = incarnation
    }

    mutating func begin(_ id: BatchID, _ runs: [SignedRun]) { pending = (id, runs) }

    /// The transaction becomes durable. Says what is wrong where it does not continue what is there.
    mutating func commit() -> String? {
        guard let (_, runs) = pending else { return nil }
        pending = nil
        for run in runs {
            let held = image.vector[run.replica]
            guard run.first == held + 1 else {
                return "run \(run.replica) \(run.first)...\(run.last) is written after \(held)"
            }
            image.runs[run.replica, default: []].append(run)
            image.vector[run.replica] = run.last
        }
        return nil
    }

    /// A proof becomes durable; of several of one replica the lowest stays.
    mutating func keep(_ proof: ForkProof) {
        if let known = image.forks[proof.replica], known.agreedThrough <= proof.agreedThrough { return }
        image.forks[proof.replica] = proof
    }

    /// The same files on another machine.
    func cloned() -> SimDisk {
        var clone = self
        (clone.pending, clone.copies) = (nil, [])
        return clone
    }

    /// The transaction is rolled back as if it had never been.
    mutating func rollBack() { pending = nil }

    mutating func copy() {
        if copies.count == SimDisk.copiesMax { copies.removeFirst() }
        copies.append(image)
    }

    /// An old copy is put in place; false where there is none.
    mutating func restore(_ choice: Int) -> Bool {
        guard !copies.isEmpty else { return false }
        image = copies[choice % copies.count]
        pending = nil
        return true
    }

    /// A new, empty disk.
    mutating func destroy() {
        image = Image(incarnation: 0)
        (pending, copies) = (nil, [])
    }

    /// A new life begins: both places name it.
    mutating func take(incarnation: UInt64) {
        image.incarnation = incarnation
        keptIncarnation = incarnation
    }

    /// Runs of a replica after a counter, at most that many bytes but at least one.
    func load(_ replica: ReplicaID, after: UInt64, bytesMax: Int) -> [SignedRun] {
        var bytes = 0
        var found: [SignedRun] = []
        for run in image.runs[replica] ?? [] where run.last > after {
            bytes += run.bodies.reduce(128) { $0 + $1.count }
            if bytes > bytesMax, !found.isEmpty { break }
            found.append(run)
        }
        return found
    }

    /// The body of one event, where it is held.
    func body(_ dot: Dot) -> [UInt8]? {
        guard image.vector.contains(dot), let runs = image.runs[dot.replica] else { return nil }
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].last < dot.counter { low = middle + 1 } else { high = middle }
        }
        guard low < runs.count, runs[low].first <= dot.counter else { return nil }
        return runs[low].bodies[Int(dot.counter - runs[low].first)]
    }

    /// The roster that a start reads from it.
    func roster(mesh: MeshID, witness: TestWitness, mutation: RosterMutation?) -> Roster? {
        var roster = Roster(
            mesh: mesh, witness: witness, mutation: mutation, forks: Array(image.forks.values))
        for replica in image.runs.keys.sorted() {
            for run in image.runs[replica] ?? [] {
                do throws(RunRejection) { try roster.restore(run) } catch { return nil }
            }
        }
        return roster
    }
}
