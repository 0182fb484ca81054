import Foundation
import Testing

/// A file system of its own below a path. Only root may make one.
final class SmallDisk {
    let path: String
    private var isMounted = false

    init(at path: String, megabytes: Int) throws {
        self.path = path
        let output = try Command.run(
            "/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0700", "bolt-test", path])
        try #require(output.status == 0, "\(output)")
        isMounted = true
    }

    deinit { release() }

    /// Its place can be removed from now on; whoever has files open there keeps them.
    func release() {
        if isMounted { _ = try? Command.run("/usr/bin/umount", ["-l", path]) }
        isMounted = false
    }

    private var ballast: String { path + "/ballast" }

    /// Takes all that is left.
    func fill() throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        for size in [1 << 20, 4096, 1] {
            let block = [UInt8](repeating: 7, count: size)
            while write(file, block, size) > 0 {}
        }
    }

    func makeRoom() throws { try FileManager.default.removeItem(atPath: ballast) }

    /// Whether this machine lets us mount: in a container root may not.
    static let canMount: Bool = {
        guard geteuid() == 0 else { return false }
        let place = NSTemporaryDirectory() + "bolt-mount-\(UUID().uuidString.prefix(8))"
        try? FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        guard let disk = try? SmallDisk(at: place, megabytes: 1) else { return false }
        return withExtendedLifetime(disk) { true }
    }()
}
