import BoltAPI
import CRDT
import Foundation
import Identity

/// Reads topology files for commands.
enum TopologyFile {
    /// What hashes topologies, here and in the daemon.
    static func hash(_ bytes: [UInt8]) -> Bytes32 { BLAKE2b.hash(bytes) }

    /// The document of a file, with its findings.
    static func document(_ path: String) throws -> TopologyDocument {
        TopologyDocument(parsing: try text(path), file: path)
    }

    /// The text of a file.
    static func text(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("no_such_file", "\(path) cannot be read", next: "check the path", status: .usage)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw CommandFailure("not_text", "\(path) is no UTF-8 text")
        }
        return text
    }

    /// The topology of a file; warnings go to standard error, errors end the command.
    static func topology(_ path: String) throws -> Topology {
        let document = try document(path)
        guard let topology = document.topology else {
            throw CommandFailure(
                "bad_topology", "\(path) is no valid topology",
                reason: document.findings.map(\.description).joined(separator: "\n        "),
                next: "correct it; boltctl topology validate \(path) shows the same")
        }
        for finding in document.findings { Console.note("\(finding)") }
        return topology
    }
}
