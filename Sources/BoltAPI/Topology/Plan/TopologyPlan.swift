public import CRDT
public import Spanner

/// All that applying a topology would do: what comes, changes and goes, which slices move and why, and what stands in
/// the way. A value with an id: who applies it says which plan was looked at.
///
/// The id is a hash over everything else, the version that the plan was made on and its expiry among it. An apply takes
/// a plan whose id is right, which has not expired, and whose version is still in force; anything else is refused and
/// changes nothing.
public struct TopologyPlan: Hashable, Sendable, Codable {
    /// Hash of all the rest.
    public private(set) var id: Bytes32
    /// Name of the mesh.
    public let mesh: String
    /// The topology that it was made on, by its digest.
    public let madeOn: Bytes32
    /// The topology that it leads to, by its digest.
    public let leadsTo: Bytes32
    /// When it was made, in milliseconds since 1970.
    public let madeMilliseconds: UInt64
    /// When it ends to be taken, in milliseconds since 1970.
    public let expiresMilliseconds: UInt64
    /// Distance from its share that a partition may have, in ten-thousandths.
    public let tolerance: Int
    /// What comes, changes and goes.
    public let diff: TopologyDiff
    /// Groups that come to be, with their first owners, in the order of the topology.
    public let begins: [Begin]
    /// Slices that move, in the order in which they should.
    public let moves: [Move]
    /// What stands in the way.
    public let blockers: [Blocker]
    /// Partitions before and after.
    public let loads: [Load]
    /// Moves that no plan with as good a result can do without.
    public let leastMoves: Int
    /// Whether it is proved that there is no smaller one.
    public let isLeastProved: Bool
    /// What the least adds up from.
    public let needs: [Need]

    enum CodingKeys: String, CodingKey {
        case id, mesh, tolerance, diff, begins, moves, blockers, loads, needs
        case madeOn = "made_on"
        case leadsTo = "leads_to"
        case madeMilliseconds = "made_ms"
        case expiresMilliseconds = "expires_ms"
        case leastMoves = "least_moves"
        case isLeastProved = "least_proved"
    }

    /// One slice that moves.
    public struct Move: Hashable, Sendable, Codable {
        /// Its group.
        public let group: GroupName
        /// Which slice of the group.
        public let slice: UInt32
        /// Who owns it.
        public let from: PartitionName
        /// Who will.
        public let to: PartitionName
        /// Envoys that follow.
        public let envoys: UInt64
        /// Bytes that are handed over.
        public let bytes: UInt64
        /// Kind of reason: `drain`, `leaving`, `weightless`, `not_serving`, `balance`.
        public let reason: String
        /// The reason in words.
        public let why: String
    }

    /// Something that stands in the way.
    public struct Blocker: Hashable, Sendable, Codable {
        /// `source`, `target` or `group`.
        public let role: String
        /// Which partition, for a source or target.
        public let partition: PartitionName?
        /// Which group, where it is about one.
        public let group: GroupName?
        /// Kind of reason, as `RebalanceRefusal.code` has it.
        public let reason: String
        /// What is the matter.
        public let what: String
        /// What would make it possible.
        public let next: String
        /// Slices that it keeps; 0 where what it keeps away is told as a load alone.
        public let slices: Int
        /// Envoys of these slices.
        public let envoys: UInt64
        /// Load that it keeps from where it should be: envoys, an empty slice counted as one.
        public let load: UInt64
    }

    /// One partition before and after.
    public struct Load: Hashable, Sendable, Codable {
        /// Which.
        public let partition: PartitionName
        /// Load that its weight gives it.
        public let share: UInt64
        /// Load before: its envoys, an empty slice counted as one.
        public let before: UInt64
        /// Load after.
        public let after: UInt64
        /// Envoys before.
        public let envoysBefore: UInt64
        /// Envoys after.
        public let envoysAfter: UInt64
        /// Slices before.
        public let slicesBefore: Int
        /// Slices after.
        public let slicesAfter: Int
        /// Why it is not within tolerance; nil where it is.
        public let miss: String?

        enum CodingKeys: String, CodingKey {
            case partition, share, before, after, miss
            case envoysBefore = "envoys_before"
            case envoysAfter = "envoys_after"
            case slicesBefore = "slices_before"
            case slicesAfter = "slices_after"
        }
    }

    /// One reason why there are not fewer moves.
    public struct Need: Hashable, Sendable, Codable {
        /// Which partition.
        public let partition: PartitionName
        /// Whether slices have to leave it; otherwise they have to come.
        public let leaves: Bool
        /// Load that has to move at least.
        public let load: UInt64
        /// Slices that takes at least.
        public let slices: Int
    }

    /// A plan with its id.
    init(_ parts: Parts, hashedBy hash: ([UInt8]) -> Bytes32) throws {
        id = .zero
        (mesh, madeOn, leadsTo) = (parts.mesh, parts.madeOn, parts.leadsTo)
        (madeMilliseconds, expiresMilliseconds) = (parts.madeMilliseconds, parts.expiresMilliseconds)
        (tolerance, diff, begins) = (parts.tolerance, parts.diff, parts.begins)
        let (plan, names) = (parts.rebalance, parts.groups)
        moves = plan.moves.compactMap { move in names[move.slice.group].map { Move(move, of: $0) } }
        blockers = parts.blockers + plan.blockers.map { Blocker($0, names) }
        loads = plan.loads.map { Load($0) }
        (leastMoves, isLeastProved) = (plan.least.bound, plan.least.isProved)
        needs = plan.least.needs.map {
            Need(partition: $0.partition, leaves: $0.leaves, load: $0.load, slices: $0.slices)
        }
        id = try digest(hashedBy: hash)
    }

    /// What a plan is put together from.
    struct Parts {
        let mesh: String
        let madeOn: Bytes32
        let leadsTo: Bytes32
        let madeMilliseconds: UInt64
        let expiresMilliseconds: UInt64
        let tolerance: Int
        let diff: TopologyDiff
        let begins: [Begin]
        /// Beside those of the moves.
        let blockers: [Blocker]
        let rebalance: RebalancePlan
        let groups: [GroupID: GroupName]
    }

    /// The id that it should have.
    func digest(hashedBy hash: ([UInt8]) -> Bytes32) throws -> Bytes32 {
        var bare = self
        bare.id = .zero
        return hash(Array("bolt topology plan v1".utf8) + Array(try APIJSON.encode(bare)))
    }

    /// Whether there is nothing to do.
    public var isEmpty: Bool { diff.isEmpty && moves.isEmpty }
    /// Envoys that follow their slices.
    public var movedEnvoys: UInt64 { moves.reduce(0) { $0 &+ $1.envoys } }
    /// Bytes that are handed over.
    public var movedBytes: UInt64 { moves.reduce(0) { $0 &+ $1.bytes } }
}

extension TopologyPlan.Move {
    init(_ move: RebalancePlan.Move, of group: GroupName) {
        (self.group, slice, from, to) = (group, move.slice.index, move.from, move.to)
        (envoys, bytes, reason, why) = (move.envoys, move.bytes, move.why.code, move.why.description)
    }
}

extension TopologyPlan.Blocker {
    init(_ blocker: RebalancePlan.Blocker, _ names: [GroupID: GroupName]) {
        let name: String
        switch blocker.subject {
        case .source(let partition): (role, self.partition, group, name) = ("source", partition, nil, partition.text)
        case .target(let partition, let id):
            (role, self.partition, group, name) = ("target", partition, id.flatMap { names[$0] }, partition.text)
        case .group(let id):
            (role, partition, group) = ("group", nil, names[id])
            name = "the group \(names[id]?.text ?? id.description)"
        }
        (reason, next) = (blocker.refusal.code, blocker.refusal.remedy)
        let about = role == "group" ? nil : group.map { " (group \($0))" }
        what = "\(name) \(blocker.refusal)\(about ?? "")"
        (slices, envoys, load) = (blocker.slices, blocker.envoys, blocker.load)
    }
}

extension TopologyPlan.Load {
    init(_ load: RebalancePlan.Load) {
        (partition, share, before, after) = (load.partition, load.share, load.before, load.after)
        (envoysBefore, envoysAfter) = (load.envoysBefore, load.envoysAfter)
        (slicesBefore, slicesAfter, miss) = (load.slicesBefore, load.slicesAfter, load.miss?.description)
    }
}
