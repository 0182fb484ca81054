import Foundation
import Synchronization

/// Folders that go with the process: for what all tests of a process share, which nothing outlives that could remove
/// it.
public enum ProcessFolder {
    private static let paths = Mutex<[String]>([])

    /// Makes a new one among the temporary files, readable to its owner alone. Throws Foundation's error.
    public static func make(_ prefix: String) throws -> String {
        let path = NSTemporaryDirectory() + prefix + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        paths.withLock { paths in
            if paths.isEmpty { atexit { ProcessFolder.removeAll() } }
            paths.append(path)
        }
        return path
    }

    private static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}
