import Foundation
import SpannerTestKit

/// A Redis Cluster of one's own on loopback: two masters with a replica each, half of the slots at either, no TLS.
/// Stopped at the end.
final class RedisCluster {
    /// What is on disk when a write is answered.
    enum Durability: String, CaseIterable {
        /// Nothing: neither snapshots nor a log.
        case memory = "in memory"
        /// Each write, by a log that is flushed before the answer.
        case durable = "durable"
    }

    /// The programs that it takes; nil where one is missing or too old.
    struct Tools {
        let server: String
        let client: String
        let version: String

        init?() {
            guard let server = Program.find("redis-server"), let client = Program.find("redis-cli"),
                let line = try? Program.output(server, ["--version"], seconds: 10),
                let word = line.split(separator: " ").first(where: { $0.hasPrefix("v=") })
            else { return nil }
            (self.server, self.client, version) = (server, client, String(word.dropFirst(2)))
            // From then on the port of the cluster's own links can be chosen.
            guard let major = version.split(separator: ".").first.flatMap({ Int($0) }), major >= 7 else { return nil }
        }
    }

    /// Slots that hold keys, and that are moved: the first ones. The others are empty.
    static let slots = 1024
    private static let slotsAll = 16_384

    private let tools: Tools
    private let scratch: ScratchDirectory
    private let folder: String
    private let ports: [Int]
    private var pids: [pid_t] = []
    /// The masters.
    private var ids: [String] = []
    private var keys = 0
    /// The master that has the slots with keys.
    private var owner = 0

    /// Starts four servers and makes a cluster of them.
    init(_ durability: Durability, tools: Tools, scratch: ScratchDirectory) throws {
        (self.tools, self.scratch) = (tools, scratch)
        folder = scratch.file("redis-\(durability)")
        let all = try FreePorts.take(8)
        ports = Array(all[..<4])
        for (node, links) in all[4...].enumerated() { try start(node, links, durability) }
        try form(Array(all[4...]))
    }

    deinit {
        for pid in pids {
            kill(pid, SIGKILL)
            _ = Program.wait(pid)
        }
    }

    private func start(_ node: Int, _ links: Int, _ durability: Durability) throws {
        let own = "\(folder)/\(node)"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        let configuration = """
            port \(ports[node])
            bind 127.0.0.1
            daemonize no
            dir \(own)
            save ""
            appendonly \(durability == .durable ? "yes" : "no")
            appendfsync always
            repl-diskless-sync-delay 0
            cluster-enabled yes
            cluster-port \(links)
            cluster-config-file nodes.conf

            """
        try configuration.write(toFile: own + "/redis.conf", atomically: true, encoding: .utf8)
        pids.append(
            try Program.start(tools.server, [own + "/redis.conf"], output: own + "/out", errors: own + "/err"))
    }

    /// `redis-cli --cluster create` asks for three masters at least, so this does what it does.
    private func form(_ links: [Int]) throws {
        let nodes = Array(ports.indices)
        try wait("its servers answer") { nodes.allSatisfy { (try? ask($0, "ping"))?.hasPrefix("PONG") == true } }
        for node in nodes { _ = try ask(node, "cluster", "set-config-epoch", "\(node + 1)") }
        let half = RedisCluster.slotsAll / 2
        _ = try ask(0, "cluster", "addslotsrange", "0", "\(half - 1)")
        _ = try ask(1, "cluster", "addslotsrange", "\(half)", "\(RedisCluster.slotsAll - 1)")
        for node in nodes.dropFirst() {
            _ = try ask(0, "cluster", "meet", "127.0.0.1", "\(ports[node])", "\(links[node])")
        }
        try wait("its servers know each other") {
            nodes.allSatisfy { node in
                guard let info = try? ask(node, "cluster", "info") else { return false }
                return info.contains("cluster_known_nodes:4") && info.contains("cluster_state:ok")
            }
        }
        ids = try [0, 1].map { try ask($0, "cluster", "myid").trimmingCharacters(in: .whitespacesAndNewlines) }
        for master in [0, 1] { _ = try ask(master + 2, "cluster", "replicate", ids[master]) }
        try wait("its replicas are online") {
            [0, 1].allSatisfy { (try? ask($0, "info", "replication"))?.contains("state=online") == true }
        }
        try waitUntilAgreed()
    }

    private func wait(_ what: String, _ look: () -> Bool) throws {
        guard RealMesh.wait(seconds: 30, every: 50, look) else {
            throw BenchFailure("a Redis Cluster of one's own is not so that \(what): see \(folder)")
        }
    }

    /// What the cluster's own tool asks for before it moves anything.
    private func waitUntilAgreed() throws {
        try wait("all agree about slots") { (try? tool(["check", address], seconds: 10)) != nil }
    }

    private var address: String { "127.0.0.1:\(ports[0])" }

    private func tool(_ arguments: [String], seconds: Double) throws -> String {
        try Program.output(tools.client, ["--cluster"] + arguments, seconds: seconds)
    }

    private func ask(_ node: Int, _ words: String...) throws -> String {
        try Program.output(tools.client, ["-e", "-h", "127.0.0.1", "-p", "\(ports[node])"] + words, seconds: 10)
    }

    private func keyCount(_ node: Int) -> Int? {
        (try? ask(node, "dbsize")).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    // MARK: Keys

    /// Bytes of a key.
    static let keyBytes = 16

    /// Stores so many keys with values of that size in the slots that are moved.
    func fill(keys count: Int, bytes: Int) throws {
        var numbers = Seeded(9)
        let values = (0..<8).map { _ in numbers.bytes(bytes) }
        var text: [UInt8] = []
        text.reserveCapacity(count * (bytes + 64))
        var number = 0
        while keys < count {
            let digits = String(number)
            number += 1
            let key = Array("key:".utf8) + Array(repeating: 0x30, count: 12 - digits.utf8.count) + Array(digits.utf8)
            guard RedisCluster.slot(of: key) < RedisCluster.slots else { continue }
            text += "*3\r\n$3\r\nSET\r\n$\(key.count)\r\n".utf8
            text += key
            text += "\r\n$\(bytes)\r\n".utf8
            text += values[keys % values.count]
            text += "\r\n".utf8
            keys += 1
        }
        let file = "\(folder)/keys"
        try Data(text).write(to: URL(fileURLWithPath: file))
        let answer = try Program.output(
            "/bin/sh", ["-c", "exec \"$0\" -p \"$1\" --pipe < \"$2\"", tools.client, "\(ports[0])", file], seconds: 60)
        guard answer.contains("errors: 0"), keyCount(0) == count else {
            throw BenchFailure("Redis did not take all keys: \(answer.suffix(200))")
        }
    }

    /// CRC-16 as XMODEM has it, over the whole key: there are no tags in it.
    private static func slot(of key: [UInt8]) -> Int {
        var crc: UInt16 = 0
        for byte in key {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
        return Int(crc) % slotsAll
    }

    /// Moves the slots with keys to the other master; gives the seconds that it took. `pipeline`: keys at a time, where
    /// it is not left to the tool.
    func move(pipeline: Int?) throws -> Double {
        try waitUntilAgreed()
        let (from, to) = (owner, 1 - owner)
        var arguments = ["reshard", address, "--cluster-from", ids[from], "--cluster-to", ids[to]]
        arguments += ["--cluster-slots", "\(RedisCluster.slots)", "--cluster-yes", "--cluster-timeout", "60000"]
        if let pipeline { arguments += ["--cluster-pipeline", "\(pipeline)"] }
        let begun = LoadFleet.now
        _ = try tool(arguments, seconds: 90)
        let seconds = Double(LoadFleet.now - begun) / 1e9
        guard keyCount(to) == keys, keyCount(from) == 0 else { throw BenchFailure("Redis did not move all keys") }
        try wait("the replica has all keys") { keyCount(to + 2) == keys }
        owner = to
        return seconds
    }
}
