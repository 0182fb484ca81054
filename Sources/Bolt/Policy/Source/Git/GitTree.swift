internal import Spanner

/// The files of one commit, as git lists them, before their contents are read.
struct GitTree {
    /// Why a tree cannot be a stack, or cannot be read.
    enum Fault: Error {
        /// What the repository has is none.
        case unfit(String)
        /// What git says of it cannot be understood.
        case unreadable(String)
    }

    /// One entry of the listing.
    private struct Entry {
        let isLink: Bool
        let object: String
        let path: String
    }

    /// Bytes of a listing: so many files with the longest paths.
    static let listingBytesMax = 8 * 1024 * 1024
    /// Bytes that stand before and after each content.
    static let headingBytesMax = 128
    /// Links that are followed from one to the next.
    private static let linksMax = 8
    /// Bytes of a link.
    private static let linkBytesMax = 4096

    private let entries: [Entry]
    /// What is to be read: each object once, in order.
    let objects: [String]

    /// Reads the output of `git ls-tree -r -z -l`; limits are checked before anything else is read.
    init(listing: [UInt8]) throws(Fault) {
        var (entries, bytes): ([Entry], Int) = ([], 0)
        for line in listing.split(separator: 0) {
            guard entries.count < PolicyFiles.filesMax else {
                throw .unfit("more than \(PolicyFiles.filesMax) files are in it")
            }
            guard let tab = line.firstIndex(of: UInt8(ascii: "\t")),
                let path = String(validating: line[(tab + 1)...], as: UTF8.self)
            else { throw .unfit("a path in it is no UTF-8") }
            let words = line[..<tab].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 4, words[2].utf8.allSatisfy({ GitTree.isHex($0) }) else {
                throw .unreadable("git lists a line that is none")
            }
            guard words[1] == "blob", let size = Int(words[3]), size >= 0 else {
                throw .unfit("\(path) is another repository: submodules are not read")
            }
            let isLink = words[0] == "120000"
            let limit = isLink ? GitTree.linkBytesMax : PolicyFiles.fileBytesMax
            // Not added up before it is judged: what git says may be any number.
            guard size <= limit, bytes + size <= PolicyFiles.bytesMax else {
                throw .unfit("\(path) is too large, or all of it is: \(size) bytes")
            }
            bytes += size
            entries.append(Entry(isLink: isLink, object: words[2], path: path))
        }
        self.entries = entries
        objects = Array(Set(entries.map(\.object))).sorted()
    }

    /// The contents that `git cat-file --batch` gave for these objects, in their order.
    static func contents(of objects: [String], in output: [UInt8]) throws(Fault) -> [String: [UInt8]] {
        var (contents, rest): ([String: [UInt8]], ArraySlice<UInt8>) = ([:], output[...])
        for object in objects {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { throw .unreadable("git ended too early") }
            let words = rest[..<end].split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 3, words[0] == object, words[1] == "blob", let size = Int(words[2]), size >= 0,
                size < rest.endIndex - end - 1
            else { throw .unreadable("git has no content for \(object)") }
            let start = end + 1
            contents[object] = Array(rest[start..<start + size])
            rest = rest[(start + size + 1)...]
        }
        return contents
    }

    /// All files with their contents; a link has that of the file that it leads to.
    func files(_ contents: [String: [UInt8]]) throws(Fault) -> [PolicyFile] {
        let known = Dictionary(entries.map { ($0.path, $0) }) { first, _ in first }
        var files: [PolicyFile] = []
        for entry in entries {
            var target = entry
            for _ in 0..<GitTree.linksMax where target.isLink {
                let text = String(decoding: contents[target.object] ?? [], as: UTF8.self)
                guard let path = GitTree.resolved(text, from: target.path) else {
                    throw .unfit("the link \(entry.path) leads out of the stack")
                }
                guard let next = known[path] else {
                    throw .unfit("the link \(entry.path) leads to no file of the stack")
                }
                target = next
            }
            guard !target.isLink, let bytes = contents[target.object] else {
                throw .unfit("the link \(entry.path) leads to no file of the stack")
            }
            files.append(PolicyFile(path: entry.path, bytes: bytes))
        }
        return files
    }

    /// Where a link leads, from the top; nil where that is outside.
    private static func resolved(_ link: String, from path: String) -> String? {
        guard !link.hasPrefix("/"), !link.isEmpty else { return nil }
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in link.split(separator: "/") where part != "." {
            guard part == ".." else {
                parts.append(String(part))
                continue
            }
            guard parts.popLast() != nil else { return nil }
        }
        return parts.joined(separator: "/")
    }

    /// Whether a byte is a digit of an object's name.
    static func isHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
