import BoltAPI
import Foundation
import Policy

/// Reads a directory that holds a stack, within the bounds of stacks: what is over one is refused by name. What belongs
/// to no stack is left alone, `.git` first; of symbolic links only those to files of the same directory are followed.
struct StackDirectory {
    /// As it was given.
    let path: String

    /// Levels of directories within each other.
    static let depthMax = 32
    /// Entries of all directories together.
    static let entriesMax = 4 * PolicyStackLimits.filesMax

    init(_ path: String) { self.path = path }

    /// What a directory holds, and what in it cannot be taken.
    struct Content {
        var files: [StackFile] = []
        var faults: [StackFault] = []
        fileprivate var bytes = 0
        fileprivate var entries = 0
    }

    /// Files as they travel. Fails with `too_large` where they do not fit into a request.
    static func bodies(_ files: [StackFile]) throws -> [StackFileBody] {
        let bytes = files.reduce(1024) { $0 + room(for: $1) }
        guard bytes <= APILimits.stackBytesMax else {
            throw CommandFailure(
                Problem.Code.tooLarge.rawValue,
                "the stack has \(ByteText.text(UInt64(bytes))) as it travels, at most "
                    + "\(ByteText.text(UInt64(APILimits.stackBytesMax))) are taken",
                reason: "nothing was sent", next: "take out what is not needed, or let the partition follow a source")
        }
        return files.map { StackFileBody(path: $0.path, bytes: Base64Bytes($0.bytes)) }
    }

    /// Bytes that a file takes in a request at most: base64, the path, and what JSON puts around both.
    static func room(for file: StackFile) -> Int { (file.bytes.count + 2) / 3 * 4 + 6 * file.path.utf8.count + 32 }

    /// Reads all of it; files by path. Fails where there is no such directory.
    func read() throws -> Content {
        var information = stat()
        guard let real = realpath(path, nil) else { throw unreadable(errno) }
        defer { free(real) }
        let root = String(cString: real)
        guard stat(root, &information) == 0 else { throw unreadable(errno) }
        guard information.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(
                "no_directory", "\(path) is no directory", next: "name the directory that holds stack.yaml",
                status: .usage)
        }
        var content = Content()
        try walk("", root: root, depth: 0, into: &content)
        content.files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        return content
    }

    private func unreadable(_ code: Int32) -> CommandFailure {
        CommandFailure(
            "no_such_file", "\(path) cannot be read", reason: String(cString: strerror(code)), next: "check the path",
            status: .usage)
    }

    private func walk(_ below: String, root: String, depth: Int, into content: inout Content) throws {
        let place = below.isEmpty ? root : "\(root)/\(below)"
        guard depth <= Self.depthMax else {
            return content.fault(.tooLarge, below, "more than \(Self.depthMax) directories within each other")
        }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: place) else {
            return content.fault(.missingFile, below, "the directory cannot be read")
        }
        for name in names.sorted() where name != ".git" {
            let inner = below.isEmpty ? name : "\(below)/\(name)"
            // What belongs to no stack, such as a README, is not looked at.
            guard Stack.takes(inner) || Stack.takes(inner + "/") else { continue }
            content.entries += 1
            guard content.entries <= Self.entriesMax else {
                return content.fault(.tooLarge, "", "more than \(Self.entriesMax) entries: is it the right directory?")
            }
            var information = stat()
            guard lstat("\(root)/\(inner)", &information) == 0 else {
                content.fault(.missingFile, inner, "it cannot be read: \(String(cString: strerror(errno)))")
                continue
            }
            switch information.st_mode & S_IFMT {
            case S_IFDIR: try walk(inner, root: root, depth: depth + 1, into: &content)
            case S_IFREG: take("\(root)/\(inner)", as: inner, into: &content)
            case S_IFLNK: follow(inner, root: root, into: &content)
            case _: content.fault(.badPath, inner, "it is neither a file nor a directory")
            }
        }
    }

    /// A link counts as the file that it leads to, where that is in the same directory.
    private func follow(_ inner: String, root: String, into content: inout Content) {
        guard let real = realpath("\(root)/\(inner)", nil) else {
            return content.fault(.badPath, inner, "it is a symbolic link that leads nowhere")
        }
        defer { free(real) }
        let target = String(cString: real)
        guard target.hasPrefix(root + "/"), !target.dropFirst(root.count + 1).split(separator: "/").contains(".git")
        else {
            return content.fault(
                .badPath, inner, "it is a symbolic link that leads out of the stack",
                next: "put a copy of the file there")
        }
        var information = stat()
        guard stat(target, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
            return content.fault(
                .badPath, inner, "it is a symbolic link to something that is no file",
                next: "link to files, one by one")
        }
        take(target, as: inner, into: &content)
    }

    private func take(_ place: String, as inner: String, into content: inout Content) {
        guard content.files.count < PolicyStackLimits.filesMax else {
            return content.fault(.tooLarge, "", "more than \(PolicyStackLimits.filesMax) files")
        }
        // A link was resolved before: whoever puts one there since is not followed.
        let descriptor = open(place, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            return content.fault(.missingFile, inner, "it cannot be read: \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let room = PolicyStackLimits.stackBytesMax - content.bytes
        guard let data = try? handle.read(upToCount: room + 1) ?? Data() else {
            return content.fault(.missingFile, inner, "it cannot be read")
        }
        guard data.count <= room else {
            return content.fault(
                .tooLarge, inner, "with it the files are over \(PolicyStackLimits.stackBytesMax) bytes")
        }
        content.bytes += data.count
        content.files.append(StackFile(path: inner, bytes: Array(data)))
    }
}

extension StackDirectory.Content {
    /// Notes that something cannot be taken; a fault of the whole stack once only.
    fileprivate mutating func fault(_ code: StackFaultCode, _ file: String, _ reason: String, next: String? = nil) {
        let fault = StackFault(code, file: file, line: nil, reason: reason, next: next)
        if faults.last != fault { faults.append(fault) }
    }
}

/// Failures about stacks.
enum StackFailure {
    /// A directory holds no valid stack: every fault in a line of its own.
    static func invalid(_ path: String, _ faults: StackFaults) -> CommandFailure {
        CommandFailure(
            Problem.Code.invalidStack.rawValue,
            "\(path) is no valid stack: \(Plural.text(faults.faults.count + faults.omitted, "fault"))",
            reason: faults.faults.map(\.description).joined(separator: "\n        "),
            next: "correct it; boltctl stack validate \(path) shows the same")
    }
}
