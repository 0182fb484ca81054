import Foundation

/// Bolts of one's own on loopback, started by `boltctl mesh up` and stopped at the end.
final class RealMesh {
    /// One bolt.
    struct Member {
        let address: String
        let pid: Int
    }

    let scratch: ScratchDirectory
    let members: [Member]
    private let programs: String
    private let environment: [String: String]

    /// Starts as many partitions of one bolt each.
    init(bolts: Int, settings: BenchSettings) throws {
        guard let programs = settings.programs else {
            throw BenchFailure("real processes need --programs DIRECTORY with bolt, boltctl and bolt-envoy")
        }
        self.programs = programs
        scratch = try ScratchDirectory(in: settings.directory)
        environment = ["BOLTCTL_CONFIG": scratch.file("contexts.yaml")]
        let ports = try RealMesh.freePorts(bolts * 2)
        var topology = "version: 1\nmesh:\n  name: bench\ngroups:\n  - name: default\n    slices: 64\npartitions:\n"
        for index in 0..<bolts {
            topology += "  - name: p\(index)\n    groups: [default]\n    bolts:\n"
            topology += "      - {name: a, address: \"127.0.0.1:\(ports[index * 2])\", "
            topology += "ops: \"127.0.0.1:\(ports[index * 2 + 1])\"}\n"
        }
        try topology.write(toFile: scratch.file("mesh.yaml"), atomically: true, encoding: .utf8)
        let answer: JSON
        do {
            answer = JSON(
                try Program.output(
                    "\(programs)/boltctl",
                    ["mesh", "up", "-f", scratch.file("mesh.yaml"), "--dir", scratch.file("mesh"), "-o", "json"],
                    environment: environment))
        } catch {
            // Those that did start must not outlive a failed start.
            RealMesh.stop(programs, scratch, environment)
            throw error
        }
        members = answer["bolts"].list.compactMap { bolt in
            guard let address = bolt["address"].text, let pid = bolt["pid"].number else { return nil }
            return Member(address: address, pid: Int(pid))
        }
        guard members.count == bolts else { throw BenchFailure("mesh up answered \(members.count) bolts") }
    }

    deinit { RealMesh.stop(programs, scratch, environment) }

    private static func stop(_ programs: String, _ scratch: ScratchDirectory, _ environment: [String: String]) {
        _ = try? Program.output(
            "\(programs)/boltctl", ["mesh", "down", "--dir", scratch.file("mesh"), "-o", "json"],
            environment: environment)
    }

    /// What `boltctl` answers in JSON.
    func control(_ arguments: [String]) throws -> JSON {
        JSON(
            try Program.output(
                "\(programs)/boltctl", arguments + ["-o", "json"], environment: environment, ending: [0, 5]))
    }

    /// What `bolt-envoy` answers in JSON.
    func envoy(_ arguments: [String]) throws -> JSON {
        JSON(try Program.output("\(programs)/bolt-envoy", arguments + ["-o", "json"], environment: environment))
    }

    private static func freePorts(_ count: Int) throws -> [Int] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard number >= 0 else { throw BenchFailure("no socket") }
            sockets.append(number)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0
                }
            }
            guard bound else { throw BenchFailure("no free port") }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }
}
