import Foundation

/// Where bolts are: a network namespace each, joined by a bridge, or all on loopback.
final class ChaosNetwork: Sendable {
    /// For the report.
    let name: String
    /// Whether bolts can be cut off from each other.
    let canSplit: Bool
    /// `host:port` of each bolt.
    let addresses: [String]
    /// `host:port` of each bolt's ops port, reached from here.
    let ops: [String]
    private let tag: String
    private let hosts: [String]
    private let undo: [[String]]

    private init(
        name: String, canSplit: Bool, addresses: [String], ops: [String], tag: String, hosts: [String],
        undo: [[String]]
    ) {
        (self.name, self.canSplit, self.addresses, self.ops) = (name, canSplit, addresses, ops)
        (self.tag, self.hosts, self.undo) = (tag, hosts, undo)
    }

    /// Namespaces where this machine lets us make them, else loopback; that at once where a program of loopback has to
    /// be reached.
    static func make(bolts: Int, onLoopback: Bool) async throws -> ChaosNetwork {
        if !onLoopback, geteuid() == 0, let spaces = try await spaces(bolts) { return spaces }
        let ports = try FreePorts.take(bolts * 2)
        return ChaosNetwork(
            name: "loopback", canSplit: false, addresses: (0..<bolts).map { "127.0.0.1:\(ports[2 * $0])" },
            ops: (0..<bolts).map { "127.0.0.1:\(ports[2 * $0 + 1])" }, tag: "", hosts: [], undo: [])
    }

    private static func spaces(_ count: Int) async throws -> ChaosNetwork? {
        let seed = UInt32(getpid())
        let tag = String(seed % 100_000, radix: 36)
        let subnet = "10.\(128 + seed % 64).\(seed / 64 % 256)"
        let hosts = (0..<count).map { "\(subnet).\($0 + 1)" }
        let bridge = "cb\(tag)"
        var undo: [[String]] = []
        func ip(_ words: String) async -> Bool {
            let command = ["ip"] + words.split(separator: " ").map(String.init)
            return ((try? await Program.run(command))?.code ?? 1) == 0
        }
        func make() async -> Bool {
            guard await ip("link add \(bridge) type bridge") else { return false }
            undo.append(["link", "del", bridge])
            guard await ip("addr add \(subnet).254/24 dev \(bridge)"), await ip("link set \(bridge) up") else {
                return false
            }
            for (index, host) in hosts.enumerated() {
                let (space, outer, inner) = (space(tag, index), "co\(tag)\(index)", "ci\(tag)\(index)")
                guard await ip("netns add \(space)") else { return false }
                undo.append(["netns", "del", space])
                guard await ip("link add \(outer) type veth peer name \(inner)") else { return false }
                undo.append(["link", "del", outer])
                guard await ip("link set \(inner) netns \(space)"),
                    await ip("link set \(outer) master \(bridge)"), await ip("link set \(outer) up"),
                    await ip("-n \(space) addr add \(host)/24 dev \(inner)"),
                    await ip("-n \(space) link set \(inner) up"), await ip("-n \(space) link set lo up"),
                    await ip("netns exec \(space) nft list ruleset")
                else { return false }
            }
            return true
        }
        let isMade = await make()
        let network = ChaosNetwork(
            name: "network namespaces", canSplit: true, addresses: hosts.map { "\($0):7440" },
            ops: hosts.map { "\($0):7441" }, tag: tag, hosts: hosts, undo: undo)
        guard isMade else {
            await network.tearDown()
            return nil
        }
        return network
    }

    private static func space(_ tag: String, _ index: Int) -> String { "bolt-chaos-\(tag)-\(index)" }

    /// What runs a program in a bolt's network.
    func prefix(_ bolt: Int) -> [String] {
        canSplit ? ["ip", "netns", "exec", ChaosNetwork.space(tag, bolt)] : []
    }

    /// No traffic between one bolt and all others from now on; nothing tells them.
    func isolate(_ bolt: Int) async throws {
        let peers = hosts.enumerated().filter { $0.offset != bolt }.map(\.element).joined(separator: ", ")
        let rules = """
            table inet boltchaos {
              chain out { type filter hook output priority 0; ip daddr { \(peers) } drop; }
              chain in { type filter hook input priority 0; ip saddr { \(peers) } drop; }
            }
            """
        let file = NSTemporaryDirectory() + "/bolt-chaos-\(tag)-\(bolt).nft"
        try rules.write(toFile: file, atomically: true, encoding: .utf8)
        defer { unlink(file) }
        try await Program.done(prefix(bolt) + ["nft", "-f", file])
    }

    /// Traffic flows again.
    func heal() async {
        guard canSplit else { return }
        for bolt in hosts.indices {
            _ = try? await Program.run(prefix(bolt) + ["nft", "delete", "table", "inet", "boltchaos"])
        }
    }

    /// Removes what was made.
    func tearDown() async {
        for words in undo.reversed() { _ = try? await Program.run(["ip"] + words) }
    }
}
