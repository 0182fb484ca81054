import Foundation

/// A file system of its own in memory, below a bolt's state folder. Only root may make one.
struct SmallDisk {
    let path: String

    /// Mounts it.
    init(at path: String, mebibytes: Int) async throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try await Program.done(
            ["mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m,mode=0700", "bolt-chaos", path])
    }

    /// Whether this machine lets us.
    static func isPossible() async -> Bool {
        guard geteuid() == 0 else { return false }
        let place = NSTemporaryDirectory() + "/bolt-chaos-mount-\(getpid())"
        defer { rmdir(place) }
        guard let disk = try? await SmallDisk(at: place, mebibytes: 1) else { return false }
        await disk.unmount()
        return true
    }

    private var ballast: String { path + "/ballast" }

    /// Takes all that is left.
    func fill() {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        for size in [1 << 20, 4096, 1] {
            let block = [UInt8](repeating: 7, count: size)
            while write(file, block, size) > 0 {}
        }
    }

    /// There is room again.
    func makeRoom() { unlink(ballast) }

    /// Removes it with all that it holds.
    func unmount() async { _ = try? await Program.run(["umount", "-l", path]) }
}
