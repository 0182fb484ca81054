import Foundation
import LoopbackKit

/// One bolt of the mesh under test: its place on disk and its process.
struct ChaosBolt: Sendable {
    /// Its number among all.
    let number: Int
    /// Its partition's number.
    let partition: Int
    /// `a.north`.
    let name: String
    let address: String
    let ops: String
    /// Everything of it is below.
    let directory: String

    var state: String { directory + "/state" }
    var config: String { directory + "/bolt.yaml" }
    var log: String { directory + "/bolt.log" }
    var identity: String { directory + "/identity" }
    private var pidPath: String { directory + "/bolt.pid" }
    /// The file by which it is told to kill itself at a point.
    var faultFile: String { directory + "/fault" }

    /// The process that was started last, if it lives.
    var pid: pid_t? {
        guard let text = try? String(contentsOfFile: pidPath, encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1, !Program.isGone(pid)
        else { return nil }
        return pid
    }

    /// Starts it.
    func start(_ program: String) throws {
        let pid = try Program.start([program, "run", "--config", config], output: log)
        try "\(pid)\n".write(toFile: pidPath, atomically: true, encoding: .utf8)
    }

    /// Sends a signal to its process, if it lives.
    func signal(_ number: Int32) { if let pid { kill(pid, number) } }

    /// Its role by its health: 200 primary, 429 standby in sync, 473 behind; nil where it does not answer.
    func role() async -> Int? { await PlainHTTP.status(ops, "/v1/health") }

    /// How many disks it counts in sync; nil where it does not answer.
    func countsInSync() async -> Int? {
        guard let text = await PlainHTTP.text(ops, "/metrics") else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("bolt_partition_in_sync ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) }
    }

    /// What its processes wrote since a place in the log.
    func logged(since offset: Int) -> String {
        guard let data = FileManager.default.contents(atPath: log), data.count > offset else { return "" }
        return String(decoding: data.dropFirst(offset), as: UTF8.self)
    }

    /// The log's length.
    var logLength: Int { FileManager.default.contents(atPath: log)?.count ?? 0 }
}
