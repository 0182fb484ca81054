internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner

/// What a check-in is told of policy, before its box is at hand.
struct PolicyWord: Sendable {
    /// How what the envoy holds compares with what it is to have.
    var state: CheckInPolicy.State
    /// Sequence of the head that is meant; 0 for none.
    var sequence: UInt64
    /// What it is to take; only where it does not hold it.
    var grant: PolicyGrant?
    /// The owner's beacon in base64; nil where this bolt is not the owner.
    var beacon: String?
    /// An order to this envoy, signed.
    var order: [UInt8]?
    /// The push that the order is of.
    var push: PrincipalID?
    /// Why, in words.
    var reason: String?

    /// Whether its box has to be read.
    var needsBox: Bool { grant.map { $0.leaf.box != .zero } ?? false }

    /// What an envoy is told for which nothing new can be made: why, as far as a line goes.
    static func withheld(_ why: String) -> String {
        "its policy is withheld, and nothing was changed: " + String(decoding: why.utf8.prefix(512), as: UTF8.self)
    }

    /// As JSON, with the box that the grant's leaf names.
    func json(box: [UInt8]) -> String {
        // The usual case needs no encoder: nothing in it needs escapes.
        if grant == nil, order == nil, reason == nil {
            let first = beacon.map { "\"beacon\":\"\($0)\"," } ?? ""
            return "{\(first)\"sequence\":\(sequence),\"state\":\"\(state.rawValue)\"}"
        }
        let shape = CheckInPolicy(
            state: state, sequence: sequence, grant: grant.map { Base64Bytes($0.canonicalBytes) },
            box: box.isEmpty ? nil : Base64Bytes(box),
            beacon: beacon.flatMap { Data(base64Encoded: $0) }.map { Base64Bytes(Array($0)) },
            order: order.map { Base64Bytes($0) }, push: push, body: grant?.leaf.body, reason: reason)
        guard let json = try? APIJSON.encode(shape) else { return "null" }
        return String(decoding: json, as: UTF8.self)
    }
}
