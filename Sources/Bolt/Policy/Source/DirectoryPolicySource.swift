internal import CRDT
internal import Foundation
internal import Spanner

/// A stack in a folder of this machine, read whole: where it changes during the reading it is read again.
///
/// `.git` is passed over wherever it stands, and so is what begins with `..`, which is how Kubernetes keeps the
/// versions of a mounted map. A link is followed where it leads to a file of the same folder; one that leads out, or to
/// a folder, is refused, and so is all that is no regular file.
final class DirectoryPolicySource: PolicySource {
    /// Times that a folder which changes is read.
    static let attemptsMax = 5
    /// Folders within folders.
    static let depthMax = 32
    /// Names that are looked at, whatever they are.
    static let namesMax = 4 * PolicyFiles.filesMax
    /// Pause before the folder is read again, in microseconds, times the attempts so far.
    private static let pauseMicroseconds: UInt32 = 20_000

    private let path: String
    private let witness: any Witness
    /// Called when the folder was looked through and nothing is read yet: for tests that change it there.
    private let onStep: @Sendable () -> Void

    /// A folder; nothing is read yet.
    init(path: String, witness: any Witness, onStep: @escaping @Sendable () -> Void = {}) {
        (self.path, self.witness, self.onStep) = (path, witness, onStep)
    }

    var words: String { "directory \(path)" }

    func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
        for attempt in 1...DirectoryPolicySource.attemptsMax {
            if attempt > 1 { usleep(DirectoryPolicySource.pauseMicroseconds * UInt32(attempt)) }
            guard let files = try readOnce() else { continue }
            guard let stack = PolicyFiles(files) else {
                throw unfit(PolicyFiles.fault(in: files) ?? "it is none")
            }
            let revision = "dir-" + String(witness.hash(stack.canonicalBytes).bytes.hexDigits.prefix(32))
            return revision == known ? nil : PolicySnapshot(revision: revision, files: stack)
        }
        throw PolicySourceError(
            code: .changing, what: "reading the stack in \(path)",
            why: "it changed with each of \(DirectoryPolicySource.attemptsMax) looks at it",
            next: "put a new stack beside it and exchange the two by a rename")
    }

    /// What is there, if it is the same before and after it was read.
    private func readOnce() throws(PolicySourceError) -> [PolicyFile]? {
        guard let root = DirectoryPolicySource.resolved(path) else { throw missing(errno) }
        guard let before = try looked(root) else { return nil }
        onStep()
        var files: [PolicyFile] = []
        for entry in before {
            guard let bytes = try content(of: entry, below: root) else { return nil }
            files.append(PolicyFile(path: entry.path, bytes: bytes))
        }
        return try looked(root) == before ? files : nil
    }

    // MARK: - Looking

    /// A file as it was when it was looked at.
    private struct Entry: Equatable {
        let path: String
        let facts: Facts
    }

    /// What tells a file from another, and from what it was before.
    private struct Facts: Equatable {
        let kind: FileAttributeType
        let size: Int
        let place: [UInt64]
        let modified: Date?

        /// Of what is at a path itself, were it a link; nil where nothing is.
        init?(at path: String) {
            guard let found = try? FileManager.default.attributesOfItem(atPath: path),
                let kind = found[.type] as? FileAttributeType
            else { return nil }
            self.kind = kind
            size = (found[.size] as? NSNumber)?.intValue ?? 0
            place = [FileAttributeKey.systemNumber, .systemFileNumber].map {
                (found[$0] as? NSNumber)?.uint64Value ?? 0
            }
            modified = found[.modificationDate] as? Date
        }
    }

    /// All files, in order of their paths; nil where something went while it was looked at.
    private func looked(_ root: String) throws(PolicySourceError) -> [Entry]? {
        var (entries, folders, names, bytes): ([Entry], [(String, Int)], Int, Int) = ([], [("", 0)], 0, 0)
        while let (folder, depth) = folders.popLast() {
            guard let found = try DirectoryPolicySource.names(in: root + "/" + folder, limit: Self.namesMax - names)
            else { return nil }
            names += found.count
            guard names < DirectoryPolicySource.namesMax else {
                throw unfit("more than \(DirectoryPolicySource.namesMax) names are in it")
            }
            for name in found where name != ".git" && !name.hasPrefix("..") && name != "." {
                let place = folder.isEmpty ? name : folder + "/" + name
                guard let facts = try facts(of: place, below: root) else { return nil }
                if facts.kind == .typeDirectory {
                    guard depth < DirectoryPolicySource.depthMax else { throw unfit("\(place) lies too deep") }
                    folders.append((place, depth + 1))
                    continue
                }
                let size = max(0, facts.size)
                // Not added up before it is judged: a file with holes may have any size.
                guard size <= PolicyFiles.fileBytesMax, bytes + size <= PolicyFiles.bytesMax else {
                    throw unfit("\(place) is too large, or all of it is: \(facts.size) bytes")
                }
                bytes += size
                entries.append(Entry(path: place, facts: facts))
            }
        }
        guard entries.count <= PolicyFiles.filesMax else {
            throw unfit("\(entries.count) files are more than \(PolicyFiles.filesMax)")
        }
        return entries.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// What is at a place: a file, also where a link leads to one, or a folder. Nil where it went meanwhile.
    private func facts(of place: String, below root: String) throws(PolicySourceError) -> Facts? {
        let path = root + "/" + place
        guard let own = Facts(at: path) else { return nil }
        if own.kind == .typeDirectory || own.kind == .typeRegular { return own }
        guard own.kind == .typeSymbolicLink else { throw unfit("\(place) is no regular file") }
        guard let real = DirectoryPolicySource.resolved(path), let facts = Facts(at: real) else {
            throw unfit("the link \(place) leads to nothing")
        }
        guard DirectoryPolicySource.isBelow(real, root) else {
            throw unfit("the link \(place) leads out of the folder, to \(real)")
        }
        guard facts.kind == .typeRegular else { throw unfit("the link \(place) leads to no file") }
        return facts
    }

    private static func isBelow(_ path: String, _ root: String) -> Bool {
        path.hasPrefix(root == "/" ? root : root + "/")
    }

    /// Names in a folder, unordered, at most `limit`; nil where it went.
    private static func names(in folder: String, limit: Int) throws(PolicySourceError) -> [String]? {
        guard let handle = opendir(folder) else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failed("looking through \(folder)", errno)
        }
        defer { closedir(handle) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(handle) {
            let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                throw PolicySourceError(
                    code: .unfit, what: "reading the stack in \(folder)", why: "a name in it is no UTF-8",
                    next: "rename that file")
            }
            names.append(name)
        }
        return names
    }

    // MARK: - Reading

    /// The bytes of a file that was looked at; nil where it is another by now.
    private func content(of entry: Entry, below root: String) throws(PolicySourceError) -> [UInt8]? {
        let place = root + "/" + entry.path
        let file = open(place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR || errno == ELOOP { return nil }
            throw DirectoryPolicySource.failed("opening \(place)", errno)
        }
        defer { close(file) }
        // Where the file really is, whatever led to it and was exchanged meanwhile.
        guard let real = DirectoryPolicySource.link("/proc/self/fd/\(file)") else {
            throw DirectoryPolicySource.failed("looking where \(place) is", errno)
        }
        guard DirectoryPolicySource.isBelow(real, root) else {
            throw unfit("the link \(entry.path) leads out of the folder, to \(real)")
        }
        let size = entry.facts.size
        var (bytes, done) = ([UInt8](repeating: 0, count: size + 1), 0)
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Foundation.read(file, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count == 0 { break }
            if count < 0, errno != EINTR { throw DirectoryPolicySource.failed("reading \(place)", errno) }
            done += max(0, count)
        }
        return done == size ? Array(bytes.prefix(done)) : nil
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        guard count > 0, count < bytes.count else { return nil }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: - Errors

    private func missing(_ reason: Int32) -> PolicySourceError {
        PolicySourceError(
            code: reason == ENOENT || reason == ENOTDIR ? .missing : .failed, what: "reading the stack in \(path)",
            why: String(cString: strerror(reason)), next: "bring the folder back, or correct policy.directory")
    }

    private func unfit(_ why: String) -> PolicySourceError {
        PolicySourceError(
            code: .unfit, what: "reading the stack in \(path)", why: PolicySourceText.cut(why),
            next: "change the folder: it is read again by itself")
    }

    private static func failed(_ what: String, _ reason: Int32) -> PolicySourceError {
        PolicySourceError(
            code: .failed, what: what, why: String(cString: strerror(reason)),
            next: "give this bolt's user the right to read the folder; it is read again by itself")
    }
}
