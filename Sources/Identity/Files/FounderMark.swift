import CRDT

/// The mark by which one bolt of each partition is told, once, to found it: a file in its identity directory, which a
/// disk that is emptied does not take with it.
///
/// Taken before the partition is founded, and durably: from then on the mark names the one disk that may still do so. A
/// disk that lost what it held is another one, and never founds again.
public struct FounderMark: Sendable {
    /// The file's name while nobody took it.
    public static let name = "partition-founder"
    /// Its name once a disk took it.
    public static let usedName = "partition-founder.used"

    private let directory: String

    /// The mark of a bolt with this identity directory.
    public init(directory: String) { self.directory = directory }

    /// Says that this bolt is to found its partition. Durable when this returns. A mark that was taken stays taken.
    public func make(partition: String) throws(IdentityError) {
        guard !SecureFile.exists("\(directory)/\(FounderMark.usedName)") else { return }
        try SecureFile.write(Array("\(partition)\n".utf8), to: "\(directory)/\(FounderMark.name)", access: .everybody)
    }

    /// Whether `take` would say yes, as far as a look tells. Changes nothing.
    public func isOpen(partition: String, incarnation: UInt64) -> Bool {
        let (fresh, used) = ("\(directory)/\(FounderMark.name)", "\(directory)/\(FounderMark.usedName)")
        guard SecureFile.exists(used) else { return SecureFile.exists(fresh) }
        let words = try? SecureFile.read(used, access: .everybody)
        return words == Array("\(partition) \(String(incarnation, radix: 16))\n".utf8)
    }

    /// Whether the disk of this incarnation may found the partition; its journal has to be empty. True once for the
    /// first that asks, and again for that very one, should its process have ended before it did. Durable when this
    /// returns.
    public func take(partition: String, incarnation: UInt64) throws(IdentityError) -> Bool {
        let (fresh, used) = ("\(directory)/\(FounderMark.name)", "\(directory)/\(FounderMark.usedName)")
        let words = "\(partition) \(String(incarnation, radix: 16))\n"
        if SecureFile.exists(used) {
            return String(decoding: try SecureFile.read(used, access: .everybody), as: UTF8.self) == words
        }
        guard SecureFile.exists(fresh) else { return false }
        let text = String(decoding: try SecureFile.read(fresh, access: .everybody), as: UTF8.self)
        guard text == "\(partition)\n" else {
            throw IdentityError(
                .mismatch, what: "read \(fresh)", why: "it is for another partition than \(partition)",
                next: "remove it, and join this bolt anew with --found where it is to found its partition")
        }
        try SecureFile.write(Array(words.utf8), to: used, access: .everybody, replacing: false)
        try SecureFile.remove(fresh)
        return true
    }
}
