public import BoltAPI
internal import Foundation
internal import Identity

/// The passes of a machine in the order in which they were made, for people who look at it there: `passes.jsonl` in the
/// agent's folder, a JSON object a line, and the older half in `passes.1.jsonl`.
///
/// The mesh has them from the queue, once each; this is no part of that. A pass that cannot be noted is not.
public struct PassLog: Sendable {
    /// Bytes of a file before it becomes the older half.
    static let fileBytesMax = 1024 * 1024

    private let directory: String
    private let fileBytesMax: Int

    /// The passes noted in an agent's folder.
    public init(_ directory: EnvoyDirectory) { self.init(directory.path) }

    init(_ directory: String, fileBytesMax: Int = PassLog.fileBytesMax) {
        (self.directory, self.fileBytesMax) = (directory, fileBytesMax)
    }

    private var path: String { directory + "/passes.jsonl" }
    private var olderPath: String { directory + "/passes.1.jsonl" }

    /// Notes a pass. Returns why it could not be noted; nil where it was.
    @discardableResult
    func note(_ pass: PassRecord) -> String? {
        do {
            var line = try APIJSON.encode(pass)
            line.append(0x0A)
            let manager = FileManager.default
            let size = (try? manager.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
            if size > 0, size + line.count > fileBytesMax {
                if manager.fileExists(atPath: olderPath) { try manager.removeItem(atPath: olderPath) }
                try manager.moveItem(atPath: path, toPath: olderPath)
            }
            if !manager.fileExists(atPath: path) {
                guard manager.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
                    return "\(path) cannot be made"
                }
            }
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? file.close() }
            let end = try file.seekToEnd()
            // Half a line of a run that was killed is ended, so that it spoils no other.
            if end > 0 {
                try file.seek(toOffset: end - 1)
                if try file.read(upToCount: 1) != Data([0x0A]) { try file.write(contentsOf: Data([0x0A])) }
            }
            try file.write(contentsOf: line)
            return nil
        } catch {
            return "\(path): \(error.localizedDescription)"
        }
    }

    /// The last passes, the newest last; lines that are none are passed over.
    public func last(_ count: Int) -> [PassRecord] {
        var found: [PassRecord] = []
        for file in [path, olderPath] where found.count < count {
            guard let data = try? Data(contentsOf: URL(fileURLWithPath: file)) else { continue }
            let lines = data.split(separator: 0x0A).suffix(count - found.count)
            found = lines.compactMap { try? APIJSON.decode(PassRecord.self, from: Data($0)) } + found
        }
        return found
    }
}
