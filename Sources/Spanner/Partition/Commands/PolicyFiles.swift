public import CRDT

/// One file of a stack: its path below the stack's folder, with `/`, and its content.
public struct PolicyFile: Hashable, Sendable {
    /// Where, relative: neither empty, nor absolute, nor with `.` or `..` in it.
    public var path: String
    /// What.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) { (self.path, self.bytes) = (path, bytes) }
}

/// All files of a stack, in order of their paths' bytes, each path once: what a source brings and the journal keeps.
public struct PolicyFiles: Hashable, Sendable, CanonicalValue {
    /// Files of one stack.
    public static let filesMax = 4096
    /// Bytes of a path.
    public static let pathBytesMax = 1024
    /// Bytes of one file.
    public static let fileBytesMax = 8 * 1024 * 1024
    /// Bytes of all paths and files; their encoding always fits into `PartitionLimits.policyStackPartsMax` parts.
    public static let bytesMax = 31 * 1024 * 1024

    /// The files.
    public let files: [PolicyFile]

    /// Files in any order. Nil where two have one path, a path is none, or there are more or larger ones than the
    /// limits say; `fault` says which in words.
    public init?(_ files: [PolicyFile]) {
        let sorted = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        guard PolicyFiles.fault(in: sorted) == nil else { return nil }
        self.files = sorted
    }

    /// Why these cannot be the files of a stack; nil where they can.
    public static func fault(in files: [PolicyFile]) -> String? {
        guard files.count <= filesMax else { return "\(files.count) files are more than \(filesMax)" }
        var bytes = 0
        var known: Set<[UInt8]> = []
        for file in files {
            let path = Array(file.path.utf8)
            guard isPath(path) else { return "\(file.path) is no path below the stack's folder" }
            guard known.insert(path).inserted else { return "\(file.path) is there twice" }
            guard file.bytes.count <= fileBytesMax else {
                return "\(file.path) has \(file.bytes.count) bytes, more than \(fileBytesMax)"
            }
            bytes += path.count + file.bytes.count
        }
        return bytes <= bytesMax ? nil : "all files have \(bytes) bytes, more than \(bytesMax)"
    }

    /// Whether a path leads to a place below the folder, without a way out of it.
    private static func isPath(_ path: [UInt8]) -> Bool {
        guard !path.isEmpty, path.count <= pathBytesMax, !path.contains(0) else { return false }
        return path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
    }

    /// The list of files, each its path and its bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(files) { encoder, file in
            encoder.text(file.path)
            encoder.string(file.bytes)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let files = try decoder.list("files", limit: PolicyFiles.filesMax) { decoder throws(DecodingFailure) in
            let path = try decoder.text("path", limit: PolicyFiles.pathBytesMax)
            return PolicyFile(path: path, bytes: try decoder.string("file", limit: PolicyFiles.fileBytesMax))
        }
        for (left, right) in zip(files, files.dropFirst())
        where !left.path.utf8.lexicographicallyPrecedes(right.path.utf8) {
            throw .notCanonical(what: "files out of order")
        }
        guard PolicyFiles.fault(in: files) == nil else { throw .invalid(what: "files") }
        self.files = files
    }
}
