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

    /// An empty roster of `mesh`.
    public init(mesh: MeshID, witness: any Witness) {
        self.init(mesh: mesh, witness: witness, mutation: nil)
    }

    /// A roster with a deliberate fault, for proving the checkers.
    package init(mesh: MeshID, witness: any Witness, mutation: RosterMutation?) {
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

    /// Hash of the vector with its chain heads: equal if and only if the sets of events are equal.
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
        return witness.hash(encoder.bytes)
    }

    /// Who writes `replica`, as its first event certified; nil for one that is not known.
    public func author(of replica: ReplicaID) -> Author? { head(of: replica).author }

    /// Proofs that a replica told two stories, in replica order.
    public var forks: [ForkEvidence] {
        histories.compactMap(\.fork).sorted { $0.replica < $1.replica }
    }

    /// Keeps the evidence of a fork, the one that parts lowest of several. Unknown replicas are ignored.
    public mutating func record(_ evidence: ForkEvidence) {
        guard let place = places[evidence.replica] else { return }
        if let known = histories[place].fork, known.agreedThrough <= evidence.agreedThrough { return }
        histories[place].fork = evidence
    }

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
        histories[place].advance(to: checked.head, signed: signed)
        vector[checked.run.replica] = checked.head.counter
        revision &+= 1
        absorb(checked, place: place)
    }
}
