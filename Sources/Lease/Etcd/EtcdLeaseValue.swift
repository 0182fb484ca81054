import CRDT

/// What stands under the key of a lease: who holds it, in a form that people can read too.
enum EtcdLeaseValue {
    private static let title = "bolt-lease-1"

    /// `bolt-lease-1 KEY INCARNATION`.
    static func text(_ who: ReplicaID) -> String { "\(title) \(who.key.hex) \(who.incarnation)" }

    /// Who it is; nil for anything that `text` does not give.
    static func holder(_ value: [UInt8]) -> ReplicaID? {
        guard value.count <= 256 else { return nil }
        let words = String(decoding: value, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == title, let key = Bytes32(hex: words[1]),
            let incarnation = UInt64(words[2])
        else { return nil }
        let who = ReplicaID(key: key, incarnation: incarnation)
        return Array(text(who).utf8) == value ? who : nil
    }
}
