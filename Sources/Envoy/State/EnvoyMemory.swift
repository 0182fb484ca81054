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
    private static let signedBoltsKey = "signed_bolts"
    private static let sightKey = "owner"
    /// What agents kept before owners proved themselves.
    private static let fenceKey = "fence"
    /// The register that the machine was admitted with.
    private static let admissionKey = "admission"
    private static let principalKey = "principal"

    let meta: MetaStore

    /// The list of bolts that counts under what was seen of the owner: the last one that an answer brought where no
    /// topology was in force, else the last that an owner signed, verified anew. Empty before the first, and where it
    /// is not what was signed.
    func bolts(under sight: OwnerSight, _ trust: OwnerTrust) throws(StoreError) -> KeptBolts {
        if sight.freshness == nil { return .unsigned(try unsignedBolts()) }
        guard let bytes = try meta.value(Self.signedBoltsKey) else { return .unsigned([]) }
        var decoder = CanonicalDecoder(bytes)
        guard let signed = try? SignedBoltList(from: &decoder), (try? decoder.finish()) != nil,
            signed.isAuthentic(in: trust.mesh, witness: trust.witness)
        else { return .unsigned([]) }
        return .signed(signed)
    }

    /// The last list of bolts that an answer brought while nobody could know whose word it was; empty where there was
    /// none.
    func unsignedBolts() throws(StoreError) -> [BoltAddress] {
        let json = try meta.value(Self.boltsKey).map { Data($0) }
        return json.flatMap { try? APIJSON.decode([BoltAddress].self, from: $0) } ?? []
    }

    /// Keeps a list of bolts; an empty one is not kept.
    func remember(_ bolts: KeptBolts) throws(StoreError) {
        switch bolts {
        case .unsigned(let bolts):
            guard !bolts.isEmpty, let json = try? APIJSON.encode(bolts) else { return }
            try keep(Array(json), as: Self.boltsKey)
        case .signed(let signed): try keep(signed.canonicalBytes, as: Self.signedBoltsKey)
        }
    }

    private func keep(_ bytes: [UInt8], as key: String) throws(StoreError) {
        // It comes with each answer, mostly the same: what is durable already is not written again.
        guard try meta.value(key) != bytes else { return }
        try meta.set(key, to: bytes)
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
        try meta.set(Self.signedBoltsKey, to: nil)
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
