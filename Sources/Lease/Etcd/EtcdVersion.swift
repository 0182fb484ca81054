/// A version of etcd, and whether its leases can be relied on.
struct EtcdVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    let major: Int
    let minor: Int
    let patch: Int

    init(_ major: Int, _ minor: Int, _ patch: Int) { (self.major, self.minor, self.patch) = (major, minor, patch) }

    /// From `3.4.23`, with or without a suffix such as `-rc.1`; nil for anything else.
    init?(_ text: String) {
        let parts = text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard parts.count == 3, numbers.count == 3, numbers.allSatisfy({ (0...9999).contains($0) }) else { return nil }
        self.init(numbers[0], numbers[1], numbers[2])
    }

    static func < (left: EtcdVersion, right: EtcdVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    /// The first releases in which a deposed leader can't revoke leases that were renewed elsewhere (etcd issue 15247)
    /// and in which the lease interface is not open to those who are not authenticated (CVE-2026-33413).
    private static let repaired = [EtcdVersion(3, 4, 42), EtcdVersion(3, 5, 28), EtcdVersion(3, 6, 9)]

    /// Whether this release has both repairs.
    var hasRepairedLeases: Bool {
        if let first = Self.repaired.first(where: { ($0.major, $0.minor) == (major, minor) }) { return self >= first }
        return Self.repaired.last.map { self > $0 } ?? false
    }

    /// Why not to campaign there.
    var complaint: String {
        "etcd \(self) has known errors in its leases: a stalled leader revokes them (issue 15247), and anybody who "
            + "reaches it can (CVE-2026-33413); repaired in "
            + Self.repaired.map(\.description).joined(separator: ", ") + " and newer"
    }

    var description: String { "\(major).\(minor).\(patch)" }
}
