internal import CConvergence
internal import Glibc

/// What lies below the root. A path is walked name by name, each step from the open directory before it, so that what
/// was checked is what is used, whoever renames or links in the meantime.
///
/// A symbolic link on the way is followed by us, never by the system: where it belongs to root or to our own user, and
/// leads to somewhere below the root.
final class RootTree: Sendable {
    /// The root as a path of the machine, without links.
    let path: String
    /// The root.
    let root: Descriptor
    private let linksMax: Int

    /// Fails with `badRoot` where the path is no directory.
    init(root path: String, linksMax: Int) throws(ConvergenceError) {
        guard path.hasPrefix("/"), let real = realpath(path, nil) else {
            throw RootTree.bad(path, path.hasPrefix("/") ? String(cString: strerror(errno)) : "it is no absolute path")
        }
        defer { free(real) }
        let number = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw RootTree.bad(path, String(cString: strerror(errno))) }
        (root, self.path, self.linksMax) = (Descriptor(owning: number), String(cString: real), linksMax)
    }

    private static func bad(_ path: String, _ why: String) -> ConvergenceError {
        ConvergenceError(
            .badRoot, what: "use \(path) as the root", why: why, next: "make the directory, or name another one")
    }

    /// The directory that a path is in, open to be used, not to be read.
    func parent(of path: RootPath) throws(ResourceFailure) -> Descriptor {
        try directory(path.parents, for: path.text)
    }

    /// Opens a directory below the root.
    func directory(_ names: [String], for text: String) throws(ResourceFailure) -> Descriptor {
        var open = [root]
        var names = Array(names.reversed())
        var links = 0
        while let name = names.popLast() {
            if name == ".." {
                guard open.count > 1 else { throw leadsOut(text, "a link on the way goes up out of it") }
                open.removeLast()
                continue
            }
            let found = try step(name, from: open[open.count - 1], for: text)
            guard let status = found.status else { throw .system("look at what is on the way to \(text)", errno) }
            if status.kind == S_IFDIR {
                open.append(found)
            } else if status.kind == S_IFLNK {
                links += 1
                guard links <= linksMax else { throw leadsOut(text, "more than \(linksMax) links are on the way") }
                let target = try trusted(found, status, name: name, for: text)
                if target.isAbsolute { open = [root] }
                names += target.names.reversed()
            } else {
                throw ResourceFailure(
                    .wrongKind, what: "reach \(text)", why: "\(name) on the way is \(status.kindText)",
                    next: "remove it, or correct the path in the stack")
            }
        }
        return open[open.count - 1]
    }

    private func step(
        _ name: String, from directory: Descriptor, for text: String
    ) throws(ResourceFailure) -> Descriptor {
        let number = converge_open_path(directory.number, name)
        if number >= 0 { return Descriptor(owning: number) }
        guard errno == ENOENT else { throw .system("reach \(text)", errno) }
        throw ResourceFailure(
            .parentMissing, what: "reach \(text)", why: "there is no directory \(name) on the way",
            next: "add a resource for that directory, and require it")
    }

    private func trusted(
        _ link: Descriptor, _ status: stat, name: String, for text: String
    ) throws(ResourceFailure) -> (names: [String], isAbsolute: Bool) {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw ResourceFailure(
                .link, what: "reach \(text)",
                why: "the link \(name) on the way belongs to user \(status.st_uid), not to root or the agent's user",
                next: "look who made it; replace it by a directory, or by a link of root's")
        }
        guard let target = RootTree.target(of: link.number, "") else { throw .system("read the link \(name)", errno) }
        let names = target.split(separator: "/").map(String.init).filter { $0 != "." }
        guard target.hasPrefix("/") else { return (names, false) }
        guard path != "/" else { return (names, true) }
        let own = path.split(separator: "/").map(String.init)
        guard names.starts(with: own) else { throw leadsOut(text, "the link \(name) on the way leads to \(target)") }
        return (Array(names.dropFirst(own.count)), true)
    }

    /// What a symbolic link says; nil, and `errno`, where there is none.
    static func target(of directory: Int32, _ name: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: FixedLimits.linkTargetBytesMax + 1)
        let count = buffer.withUnsafeMutableBytes { bytes in
            readlinkat(directory, name, bytes.bindMemory(to: CChar.self).baseAddress!, bytes.count)
        }
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    /// What has a name in a directory, itself and not what it points to; nil where there is nothing.
    static func entry(
        _ name: String, in directory: Descriptor, for text: String
    ) throws(ResourceFailure) -> stat? {
        var status = stat()
        if fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
        guard errno == ENOENT else { throw .system("look at \(text)", errno) }
        return nil
    }

    private func leadsOut(_ text: String, _ why: String) -> ResourceFailure {
        ResourceFailure(
            .outside, what: "reach \(text) below \(path)", why: why,
            next: "remove that link, or correct the path in the stack")
    }
}
