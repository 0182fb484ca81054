import BoltAPI
import Foundation

/// A network namespace for each bolt, joined by a bridge; a split is a drop rule in the namespaces. Needs root.
final class NamespaceNetwork: DemoNetwork {
    let name = "network namespaces"
    private let tag: String
    private let subnet: String
    private let count: Int
    private let port: Int
    private var indices: [String: Int] = [:]
    private var made: [[String]] = []

    /// Makes the namespaces; nil where this machine does not let us. What was made by then is removed again.
    init?(count: Int, port: Int) {
        guard geteuid() == 0, count < 200 else { return nil }
        let seed = UInt32(getpid())
        tag = String(seed % 100_000, radix: 36)
        subnet = "10.\(64 + seed % 64).\(seed / 64 % 256)"
        (self.count, self.port) = (count, port)
        guard makeAll() else {
            tearDown()
            return nil
        }
    }

    private var bridge: String { "bd\(tag)" }
    private func namespace(_ index: Int) -> String { "bolt-demo-\(tag)-\(index)" }
    private func host(_ index: Int) -> String { "\(subnet).\(index + 1)" }

    private func makeAll() -> Bool {
        // Each step with how it is undone; a namespace takes its end of the cable with it.
        guard ip("link", "add", bridge, "type", "bridge") else { return false }
        made.append(["link", "del", bridge])
        guard ip("addr", "add", "\(subnet).254/24", "dev", bridge), ip("link", "set", bridge, "up") else {
            return false
        }
        for index in 0..<count {
            let (space, outer, inner) = (namespace(index), "bo\(tag)\(index)", "bi\(tag)\(index)")
            guard ip("netns", "add", space) else { return false }
            made.append(["netns", "del", space])
            guard ip("link", "add", outer, "type", "veth", "peer", "name", inner) else { return false }
            made.append(["link", "del", outer])
            guard ip("link", "set", inner, "netns", space), ip("link", "set", outer, "master", bridge),
                ip("link", "set", outer, "up"), ip("-n", space, "addr", "add", "\(host(index))/24", "dev", inner),
                ip("-n", space, "link", "set", inner, "up"), ip("-n", space, "link", "set", "lo", "up"),
                tool("ip", ["netns", "exec", space, "nft", "list", "ruleset"])
            else { return false }
        }
        return true
    }

    func address(of index: Int) -> String { "\(host(index)):\(port)" }
    func listenAddress(of index: Int) -> String { address(of: index) }

    func prefix(for bolt: String) -> [String] {
        guard let index = indices[bolt], let path = Self.path(of: "ip") else { return [] }
        return [path, "netns", "exec", namespace(index)]
    }

    func configure(_ mesh: LocalMesh) throws {
        for (index, bolt) in mesh.bolts.enumerated() { indices[bolt.fullName] = index }
    }

    func started(_ mesh: LocalMesh) {}

    func split(_ one: [String], from other: [String]) throws {
        for (near, far) in [(one, other), (other, one)] {
            for own in near.compactMap({ indices[$0] }) {
                let peers = far.compactMap { indices[$0] }.map(host).joined(separator: ", ")
                let rules = """
                    table inet boltdemo {
                      chain out { type filter hook output priority 0; ip daddr { \(peers) } drop; }
                      chain in { type filter hook input priority 0; ip saddr { \(peers) } drop; }
                    }
                    """
                let file = NSTemporaryDirectory() + "/bolt-demo-\(tag).nft"
                try rules.write(toFile: file, atomically: true, encoding: .utf8)
                defer { try? FileManager.default.removeItem(atPath: file) }
                guard tool("ip", ["netns", "exec", namespace(own), "nft", "-f", file]) else {
                    throw CommandFailure("split_failed", "the drop rules were not taken by nft")
                }
            }
        }
    }

    func heal() throws {
        for index in 0..<count {
            _ = tool("ip", ["netns", "exec", namespace(index), "nft", "delete", "table", "inet", "boltdemo"])
        }
    }

    func tearDown() {
        for undo in made.reversed() { _ = tool("ip", undo) }
        made = []
    }

    private func ip(_ arguments: String...) -> Bool { tool("ip", arguments) }

    private static func path(of program: String) -> String? {
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func tool(_ program: String, _ arguments: [String]) -> Bool {
        guard let path = Self.path(of: program) else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
