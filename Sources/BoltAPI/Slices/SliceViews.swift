public import CRDT
public import Spanner

/// One slice as the answering bolt knows it: who owns it by the walk of its register, and what the owner says of it.
public struct SliceView: Hashable, Sendable, Codable {
    /// Its group.
    public var group: GroupName
    /// Which slice of the group, from 0.
    public var slice: UInt32
    /// Who owns it.
    public var owner: PartitionName
    /// Transitions since the group was created.
    public var position: UInt64
    /// The register's name: hash of the last transition, or of the genesis.
    public var register: Bytes32
    /// Envoys in it, as its owner last said; nil where it has said nothing yet.
    public var envoys: UInt64?
    /// Bytes that a handoff has to move, as its owner last said.
    public var bytes: UInt64?
    /// What it is at the answering bolt's partition; nil where that has nothing of it.
    public var state: HandoffSliceState?
    /// Where a running handoff takes it, as far as is known here.
    public var destination: PartitionName?

    /// A slice.
    public init(
        group: GroupName, slice: UInt32, owner: PartitionName, position: UInt64, register: Bytes32,
        envoys: UInt64? = nil, bytes: UInt64? = nil, state: HandoffSliceState? = nil,
        destination: PartitionName? = nil
    ) {
        (self.group, self.slice, self.owner) = (group, slice, owner)
        (self.position, self.register) = (position, register)
        (self.envoys, self.bytes, self.state, self.destination) = (envoys, bytes, state, destination)
    }

    /// `web/17`: how a slice is named in texts and arguments, and the cursor of a page.
    public var name: String { "\(group)/\(slice)" }
}

/// `GET /v1/slices?group=&owner=&after=&limit=`; `after` is a slice's name, `group/index`.
public struct SlicesResponse: Hashable, Sendable, Codable {
    /// Who answers, `name.partition`.
    public var bolt: String
    /// By group's name, then index.
    public var slices: [SliceView]
    /// Slice after which the next page begins, `group/index`; nil on the last.
    public var nextAfter: String?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of slices.
    public init(bolt: String, slices: [SliceView], nextAfter: String?, freshness: Freshness) {
        (self.bolt, self.slices, self.nextAfter, self.freshness) = (bolt, slices, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case bolt, slices, freshness
        case nextAfter = "next_after"
    }
}

/// One change of owner that counts, or that lost.
public struct SliceTransitionView: Hashable, Sendable, Codable {
    /// Why an owner changes.
    public enum Cause: String, Sendable, Codable, CaseIterable {
        /// The owner itself handed on.
        case handOn = "hand_on"
        /// An operator declared the owner lost.
        case takeover
    }

    /// Transitions up to and including it.
    public var position: UInt64
    /// The register that it ended.
    public var base: Bytes32
    /// The register that it began.
    public var register: Bytes32
    /// Who owned the slice.
    public var from: PartitionName
    /// Who owns it from there.
    public var to: PartitionName
    /// Why.
    public var cause: Cause
    /// Of a hand-on: the place of the seal in the journal of `from`, up to which `to` held everything.
    public var seal: LogPoint?
    /// Of a takeover: the operator's act, which all slices of one act share.
    public var act: PrincipalID?
    /// Of a takeover: when, by the operator's clock.
    public var at: WallTime?
    /// Of a takeover: why, in the operator's words.
    public var reason: String?

    /// A transition with its hash.
    public init(_ transition: SliceTransition, register: Bytes32) {
        (position, base, self.register) = (transition.position, transition.base, register)
        (from, to) = (transition.from, transition.to)
        switch transition.cause {
        case .handOn(let seal): (cause, self.seal) = (.handOn, seal.point)
        case .takeover(let act, let at, let reason):
            cause = .takeover
            (self.act, self.at, self.reason) = (act, at, reason)
        }
    }

    enum CodingKeys: String, CodingKey {
        case position, base, register, from, to, cause, seal, act, reason
        case at = "at_ms"
    }
}

/// A transition that lost against another of the same base.
public struct SliceLoserView: Hashable, Sendable, Codable {
    /// What lost.
    public var transition: SliceTransitionView
    /// Partitions that the lost branch made owners: they may hold data that the owner lacks, and hand it over.
    public var holders: [PartitionName]
    /// Transitions of the lost branch.
    public var count: Int

    /// What lost.
    public init(_ loser: SliceLoser) {
        transition = SliceTransitionView(loser.transition, register: loser.hash)
        (holders, count) = (loser.holders, loser.count)
    }
}

/// Proof that a partition's key handed one register on twice.
public struct SliceEquivocationView: Hashable, Sendable, Codable {
    /// Whose key.
    public var partition: PartitionName
    /// The register that was handed on twice.
    public var base: Bytes32
    /// The registers that they began, ascending; the first is in force.
    public var registers: [Bytes32]

    /// A proof.
    public init(_ proof: SliceEquivocation) {
        (partition, base, registers) = (proof.partition, proof.base.hash, proof.hashes)
    }
}
