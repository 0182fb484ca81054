internal import BoltAPI
internal import CRDT
internal import SpannerStore
internal import Foundation
internal import Spanner

/// What the agent keeps beside its queue, in the same database: whose queue it is, the list of bolts, and the owner
/// that it follows.
///
/// A value that cannot be read counts as absent: the list comes again with the next answer.
struct EnvoyMemory {
    private static let boltsKey = "bolts"
    private static let sightKey = "owner"
    /// What agents kept before owners proved themselves.
    private static let fenceKey = "fence"
    /// The register that the machine was admitted with.
    private static let admissionKey = "admission"
    private static let principalKey = "principal"

    let meta: MetaStore

    /// The last list of bolts that an answer brought; empty before the first.
    func bolts() throws(StoreError) -> [BoltAddress] {
        guard let bytes = try meta.value(Self.boltsKey) else { return [] }
        return (try? APIJSON.decode([BoltAddress].self, from: Data(bytes))) ?? []
    }

    /// Keeps a list of bolts; an empty one is not kept.
    func remember(_ bolts: [BoltAddress]) throws(StoreError) {
        guard !bolts.isEmpty, let json = try? APIJSON.encode(bolts) else { return }
        // It comes with each answer, mostly the same: what is durable already is not written again.
        guard try meta.value(Self.boltsKey) != Array(json) else { return }
        try meta.set(Self.boltsKey, to: Array(json))
    }

    /// The owner that it follows, as far as it has seen.
    func sight() throws(StoreError) -> OwnerSight {
        if let bytes = try meta.value(Self.sightKey) {
            var decoder = CanonicalDecoder(bytes)
            if let sight = try? OwnerSight(from: &decoder) { return sight }
        }
        guard let bytes = try meta.value(Self.fenceKey),
            let mark = try? APIJSON.decode(OwnerMark.self, from: Data(bytes))
        else { return OwnerSight() }
        return OwnerSight(fence: EnvoyMachine.Fence(register: mark.register, epoch: mark.epoch))
    }

    /// The envoy whose results are in the queue; nil before one was told.
    func principal() throws(StoreError) -> PrincipalID? {
        try meta.value(Self.principalKey).flatMap { PrincipalID(bytes: $0) }
    }

    /// From now on the queue is this envoy's. An owner's authority is over its own envoys: those of another are nothing
    /// to it.
    func begin(as principal: PrincipalID) throws(StoreError) {
        try meta.set(Self.sightKey, to: nil)
        try meta.set(Self.fenceKey, to: nil)
        try meta.set(Self.admissionKey, to: nil)
        try meta.set(Self.boltsKey, to: nil)
        try meta.set(Self.principalKey, to: principal.bytes)
    }

    /// The register that the machine was admitted with; nil where no topology was in force then.
    func admission() throws(StoreError) -> [UInt8]? { try meta.value(Self.admissionKey) }

    /// Keeps that register, durably: one that came later takes the place of an earlier one.
    func keep(admission claim: [UInt8]?) throws(StoreError) {
        guard let claim, try admission() != claim else { return }
        try meta.set(Self.admissionKey, to: claim)
    }

    /// Keeps the owner that it follows, durably.
    func remember(_ sight: OwnerSight) throws(StoreError) { try meta.set(Self.sightKey, to: sight.canonicalBytes) }
}
