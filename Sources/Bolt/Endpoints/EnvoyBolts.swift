internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner

/// The bolts that envoys of one owner are told of, made ready once for all their check-ins: none of them sorts, writes
/// or hashes anything.
struct EnvoyBolts: Sendable {
    /// The bolts, those of the owner first; at most `BoltList.boltsMax`.
    let bolts: [BoltAddress]
    /// The same in JSON.
    let json: String
    /// The same as it is signed; nil where there are none.
    let list: BoltList?
    /// Hash of that.
    let digest: Bytes32
    /// How far the node was when this was looked up: of two, the one with the higher number is the later.
    let change: UInt64

    /// Makes them ready, in the order in which they are told; beyond the limit only the first.
    init(_ bolts: [BoltAddress], change: UInt64) {
        self.bolts = Array(bolts.prefix(BoltList.boltsMax))
        json = (try? APIJSON.encode(self.bolts)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
        list = BoltList(self.bolts)
        digest = list.map { BLAKE2b.hash($0.canonicalBytes) } ?? .zero
        self.change = change
    }

    private init(_ same: EnvoyBolts, change: UInt64) {
        (bolts, json, list, digest) = (same.bolts, same.json, same.list, same.digest)
        self.change = change
    }

    /// The same bolts, looked up again.
    func seen(again change: UInt64) -> EnvoyBolts { EnvoyBolts(self, change: max(change, self.change)) }
}

/// A list of bolts with its owner's signature, as an answer brings both.
struct SignedEnvoyBolts: Sendable {
    /// The bolts in JSON: just those that were signed.
    let json: String
    let number: UInt64
    let signature: [UInt8]
}
