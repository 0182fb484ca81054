public import CRDT

/// Who is admitted to the mesh, as far as this bolt knows: a set of events, and what follows from it.
///
/// The set only grows. What is in force is a pure function of it: two rosters with equal `digest` answer every question
/// alike, in whatever order their events arrived. Bodies are not kept; the store has them.
public struct Roster: Sendable {
    /// Which mesh.
    public let mesh: MeshID
    /// Accepted and applied: per replica, how many of its events.
    public private(set) var vector = VersionVector()
    /// Grows by one with every run applied: what was computed from a roster of the same revision still holds.
    public private(set) var revision: UInt64 = 0

    let witness: any Witness
    let chain: EventChain
    let mutation: RosterMutation?
    var histories: [History] = []
    var places: [ReplicaID: Int] = [:]
    var facts = RosterFacts()
    /// Of each replica that forked, the proof that parts lowest.
    let proofs: [ReplicaID: ForkProof]
    /// Acts from beyond a fork, by the hash that names them.
    var strays: [(id: Bytes32, act: SignedAct)] = []

    /// An empty roster of `mesh`. `forks`: proofs that were checked, of replicas that are frozen from the start.
    public init(mesh: MeshID, witness: any Witness, forks: [ForkProof] = []) {
        self.init(mesh: mesh, witness: witness, mutation: nil, forks: forks)
    }

    /// A roster with a deliberate fault, for proving the checkers.
    package init(mesh: MeshID, witness: any Witness, mutation: RosterMutation?, forks: [ForkProof] = []) {
        proofs = Dictionary(forks.map { ($0.replica, $0) }) { $0.agreedThrough <= $1.agreedThrough ? $0 : $1 }
        self.mesh = mesh
        self.witness = witness
        self.mutation = mutation
        chain = EventChain(mesh: mesh, witness: witness)
    }

    /// Where `replica`'s history stands here; counter 0 for one that is not known.
    public func head(of replica: ReplicaID) -> ChainHead {
        guard let place = places[replica] else {
            return ChainHead(counter: 0, hash: chain.genesis(replica), author: nil)
        }
        return histories[place].head
    }

    /// Hash of the vector with its chain heads and the places of forks: equal if and only if the sets of events are
    /// equal, and the same replicas are frozen at the same events.
    ///
    /// O(replicas): callers who ask often keep it for a `revision`.
    public var digest: Bytes32 {
        var encoder = CanonicalEncoder(capacity: 64 + histories.count * 80)
        encoder.raw(Array("bolt roster digest v1".utf8))
        encoder.fixed(mesh.bytes)
        encoder.list(vector.entries) { encoder, entry in
            entry.replica.encode(to: &encoder)
            encoder.integer(entry.counter)
            encoder.fixed(head(of: entry.replica).hash)
        }
        if !proofs.isEmpty {
            encoder.list(forks) { encoder, fork in
                fork.replica.encode(to: &encoder)
                encoder.integer(fork.agreedThrough)
            }
        }
        return witness.hash(encoder.bytes)
    }

    /// Who writes `replica`, as its first event certified; nil for one that is not known.
    public func author(of replica: ReplicaID) -> Author? { head(of: replica).author }

    mutating func revise(past earlier: UInt64) { revision = max(revision, earlier) &+ 1 }

    /// Takes a run that is durable. O(its events), but for acts that cut histories: O(replicas) more.
    ///
    /// The run must follow what is held: `check` saw to that, unless another run of the replica was applied since.
    public mutating func apply(_ checked: CheckedRun) {
        let held = head(of: checked.run.replica)
        precondition(
            held.counter == checked.base.counter || mutation == .gapsAreApplied,
            "run of \(checked.run.replica) follows \(checked.base.counter), held is \(held.counter)")
        let place: Int
        if let known = places[checked.run.replica] {
            place = known
        } else {
            place = histories.count
            places[checked.run.replica] = place
            histories.append(History(replica: checked.run.replica, head: held))
        }
        let signed = SignedHead(
            counter: checked.head.counter, hash: checked.head.hash, signature: checked.run.signature)
        // A run that was cut where its replica forked has no signature at its end.
        let isWhole = proofs[checked.run.replica]?.agreedThrough != checked.head.counter
        histories[place].advance(to: checked.head, signed: isWhole ? signed : nil)
        vector[checked.run.replica] = checked.head.counter
        revision &+= 1
        absorb(checked, place: place)
    }
}
