import Foundation
import LoopbackKit
import NIOCore

/// A bundle for many connected envoys at once, until the last one has it, beside nginx serving the same file to the
/// same clients; and what a connection costs the bolt while nothing is asked over it.
struct BundleFigures {
    let settings: BenchSettings
    private let envoys = 1000
    private let bytes = 32 * 1024
    private let rounds = 5

    func measure(_ report: inout Report) throws {
        guard let nginx = Program.find("nginx") else { return report.note("SKIPPED: a bundle beside nginx: needs it") }
        HerdFigures.raiseFileLimit()
        let mesh = try RealMesh(bolts: 1, settings: settings)
        let folders = try mesh.enrol(envoys, prefix: "bundle", concurrency: 16)
        try mesh.publish(try BenchStack(bytes: bytes, in: mesh.scratch))
        let leaf = try mesh.leaf(of: "bundle-\(envoys)")
        let path = "/v1/policy/bodies/\(leaf.body)"
        let file = mesh.scratch.file("bundle.bin")
        try fetch(path, mesh, folders[0], to: file)
        let size = (try FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber)?.intValue ?? 0
        guard size >= bytes else { throw BenchFailure("the body has \(size) bytes") }
        let peer = try Nginx(nginx, mesh.scratch, root: "\(folders[0])/root.crt", file: file)

        let before = Program.memoryBytes(mesh.members[0].pid, "VmRSS")
        let ours = try fleet(folders, port: mesh.members[0].port, path: path, size: size)
        _ = try last(ours)
        let held = (Program.memoryBytes(mesh.members[0].pid, "VmRSS") - before) / Double(envoys) / 1024
        let theirs = try fleet(folders, port: peer.port, path: "/file", size: size, root: peer.certificate)
        _ = try last(theirs)
        var (mine, control) = (Series(), Series())
        for _ in 0..<rounds {
            control.values.append(try last(theirs))
            mine.values.append(try last(ours))
        }
        report.times("nginx: \(size / 1024) KiB to \(envoys) connected clients, the last", control)
        report.times("the same bundle from a bolt", mine, control: ("nginx", control))
        report.value("  ratio", mine.median / control.median, "× nginx", aim: .atMost(2, "2"))
        report.value("memory of a connection of the bolt that rests", held, "KiB", aim: .atMost(40, "40"))
    }

    private func fetch(_ path: String, _ mesh: RealMesh, _ folder: String, to file: String) throws {
        guard let curl = Program.find("curl") else { throw BenchFailure("needs curl") }
        _ = try Program.output(
            curl,
            [
                "-sS", "-f", "--http1.1", "--cacert", folder + "/root.crt", "--cert", folder + "/tls.crt", "--key",
                folder + "/tls.key", "-o", file, "https://\(mesh.members[0].address)\(path)",
            ])
    }

    private func fleet(
        _ folders: [String], port: Int, path: String, size: Int, root: String? = nil
    ) throws -> LoadFleet {
        try LoadFleet(
            folders.map { folder in
                let credential = Credential(
                    chain: folder + "/tls.crt", key: folder + "/tls.key", root: root ?? folder + "/root.crt",
                    protocols: ["http/1.1"])
                let target = LoadWriter.Target(ports: [port], context: try credential.context())
                return (exchange: FetchExchange(path: path, size: size), target: target)
            })
    }

    /// All fetch at once: seconds until the last one has it.
    private func last(_ fleet: LoadFleet) throws -> Double {
        try fleet.start()
        let outcome = try fleet.stop()
        let ends = outcome.writers.compactMap(\.samples.first?.ended)
        guard ends.count == envoys, let last = ends.max() else {
            throw BenchFailure("\(envoys - ends.count) clients got nothing: \(outcome.words ?? "no time")")
        }
        return Double(last - outcome.begun) / 1e9
    }
}

/// One file, again and again.
struct FetchExchange: LoadExchange {
    let path: String
    /// Bytes that it has.
    let size: Int

    mutating func open(_ buffer: inout ByteBuffer) {}

    mutating func ask(_ buffer: inout ByteBuffer) {
        buffer.writeString("GET \(path) HTTP/1.1\r\nHost: bolt\r\n\r\n")
    }

    mutating func take(_ buffer: inout ByteBuffer, replies: inout ByteBuffer) -> LoadVerdict? {
        switch buffer.readReply() {
        case nil: nil
        case .endless?: .failed("an answer without a length")
        case .whole(200, let body)? where body.readableBytes == size: .stored(isPaired: true)
        case .whole(let status, let body)?: .failed("\(status) with \(body.readableBytes) bytes of \(size)")
        }
    }
}
