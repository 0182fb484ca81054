internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import Synchronization

/// What simulated envoys were told, a JSON object a line, appended as it happens.
final class Journal: Sendable {
    struct Entry: Codable, Sendable {
        var event: String
        var name: String
        var id: PrincipalID
        var level: BoltAPI.AckLevel
        var storedThrough: UInt64?
        /// Of a delivery: what may be deleted, by whose word.
        var releaseThrough: UInt64?
        var partition: PartitionName?
        var register: UInt64?
        var epoch: UInt64?
        /// The policy that it holds: hash of its leaf.
        var leaf: Bytes32?
        /// The sequence of the version that it holds.
        var policySequence: UInt64?
        /// When, by this machine's clock: milliseconds since 1970.
        var at = UInt64(max(0, Date().timeIntervalSince1970 * 1000))

        enum CodingKeys: String, CodingKey {
            case event, name, id, level, partition, register, epoch, leaf
            case policySequence = "policy_sequence"
            case storedThrough = "stored_through"
            case releaseThrough = "release_through"
            case at = "at_ms"
        }
    }

    private let file: Mutex<FileHandle>

    /// Opens a file for appending, making it where it is not there.
    init(path: String) throws {
        if !FileManager.default.fileExists(atPath: path) {
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                throw IdentityError(
                    .fileFailure, what: "make the journal \(path)", why: "the file cannot be made",
                    next: "name a file in a folder that can be written to")
            }
        }
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw IdentityError(
                .fileFailure, what: "open the journal \(path)", why: "the file cannot be written to",
                next: "name another file")
        }
        try handle.seekToEnd()
        file = Mutex(handle)
    }

    /// Appends a line. A line that cannot be written is lost: the journal is evidence, not state.
    func write(_ entry: Entry) {
        guard var line = try? APIJSON.encode(entry) else { return }
        line.append(0x0A)
        file.withLock { try? $0.write(contentsOf: line) }
    }
}
