internal import CConvergence
internal import Glibc

/// Puts something new at a path in one step: it is made as a neighbour under a name of its own, made durable, and
/// renamed. Whoever looks sees the old or the new, whole, whenever the process ends.
///
/// The neighbour's name is in the memory before the neighbour is there, so that the next run removes what an end in
/// between leaves behind.
struct Placement {
    /// What all work has in common.
    let context: WorkContext
    /// The path.
    let path: RootPath
    /// Its directory.
    let directory: Descriptor
    /// What was at the path when the plan was made; nil for nothing.
    let old: stat?

    /// A file with this content, mode and owner.
    func putFile(_ content: [UInt8], mode: UInt16, user: uid_t?, group: gid_t?) throws(ResourceFailure) {
        try put { (name) throws(ResourceFailure) in
            let number = openat(
                directory.number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            guard number >= 0 else { throw .system("make a new file beside \(path.text)", errno) }
            let file = Descriptor(owning: number)
            step(.temporaryMade)
            let half = content.count / 2
            try check(file.write(content[..<half]), "write \(path.text)")
            step(.halfWritten)
            try check(file.write(content[half...]), "write \(path.text)")
            step(.written)
            try own(file, mode: mode, user: user, group: group)
            try check(fsync(number) == 0 ? 0 : errno, "make the new \(path.text) durable")
            step(.synced)
        }
    }

    /// A directory, empty; only where nothing was.
    func putDirectory(mode: UInt16, user: uid_t?, group: gid_t?) throws(ResourceFailure) {
        try put { (name) throws(ResourceFailure) in
            try check(
                mkdirat(directory.number, name, 0o700) == 0 ? 0 : errno, "make a new directory beside \(path.text)")
            let number = openat(directory.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else { throw .system("open the new \(path.text)", errno) }
            let made = Descriptor(owning: number)
            step(.directoryMade)
            try own(made, mode: mode, user: user, group: group)
            try check(fsync(number) == 0 ? 0 : errno, "make the new \(path.text) durable")
        }
    }

    /// A symbolic link.
    func putLink(_ target: String) throws(ResourceFailure) {
        try put { (name) throws(ResourceFailure) in
            let failed = symlinkat(target, directory.number, name)
            try check(failed == 0 ? 0 : errno, "make a new link beside \(path.text)")
            step(.temporaryMade)
        }
    }

    private func own(_ made: Descriptor, mode: UInt16, user: uid_t?, group: gid_t?) throws(ResourceFailure) {
        // The owner first: a change of it takes special bits of the mode away.
        if user != nil || group != nil {
            let failed = fchown(made.number, user ?? uid_t.max, group ?? gid_t.max)
            try check(failed == 0 ? 0 : errno, "give the new \(path.text) its owner")
        }
        try check(fchmod(made.number, mode_t(mode)) == 0 ? 0 : errno, "give the new \(path.text) its mode")
        step(.owned)
    }

    private func put(_ make: (String) throws(ResourceFailure) -> Void) throws(ResourceFailure) {
        let name = TemporaryName.make()
        context.memory.note(temporary: name, in: path.parentText)
        step(.temporaryNoted)
        do throws(ResourceFailure) {
            try make(name)
            step(.ready)
            try checkUnmoved()
            try rename(name)
        } catch {
            TemporaryName.remove(name, in: directory)
            throw error
        }
        step(.placed)
        try syncDirectory()
    }

    private func rename(_ name: String) throws(ResourceFailure) {
        if old == nil {
            if converge_rename_new(directory.number, name, path.name) == 0 { return }
            guard errno != EEXIST else { throw changed("something is there now that was not") }
            // A file system that cannot refuse: what is there was looked at a moment ago.
            guard errno == EINVAL || errno == ENOSYS else { throw .system("put \(path.text) in place", errno) }
        }
        let failed = renameat(directory.number, name, directory.number, path.name)
        try check(failed == 0 ? 0 : errno, "put \(path.text) in place")
    }

    /// Whether the path still leads to the directory that was opened, and what is there is what was planned for.
    func checkUnmoved() throws(ResourceFailure) {
        let now = try context.tree.parent(of: path)
        guard let place = directory.status, let placeNow = now.status, place.isSame(as: placeNow) else {
            throw changed("its directory is another one now")
        }
        let found = try RootTree.entry(path.name, in: directory, for: path.text)
        switch (old, found) {
        case (nil, nil): return
        case (let old?, let found?) where old.isSame(as: found) && old.kind == found.kind: return
        case (nil, let found?): throw changed("there is \(found.kindText) now")
        case (_, nil): throw changed("it is gone now")
        case (_, let found?): throw changed("there is another thing now: \(found.kindText)")
        }
    }

    /// Makes the directory's names durable. The change is made before.
    func syncDirectory() throws(ResourceFailure) {
        let number = converge_reopen_directory(directory.number)
        // A directory that may be changed and not read: its names are as durable as we may make them.
        if number < 0, errno == EACCES { return }
        guard number >= 0 else { throw .system("make \(path.text) durable", errno, hasChangedState: true) }
        let names = Descriptor(owning: number)
        guard fsync(names.number) == 0 else {
            throw .system("make \(path.text) durable", errno, hasChangedState: true)
        }
        step(.placeSynced)
    }

    private func step(_ step: ChangeStep) { context.atStep(step, path.text) }

    private func check(_ number: Int32, _ what: String) throws(ResourceFailure) {
        if number != 0 { throw .system(what, number) }
    }

    private func changed(_ why: String) -> ResourceFailure {
        ResourceFailure(
            .changedMeanwhile, what: "change \(path.text)", why: "it changed during the change: \(why)",
            next: "nothing was put there; look who else changes it, the next pass tries again")
    }
}

/// Names of neighbours that are there for a moment.
enum TemporaryName {
    private static let prefix = ".bolt-"
    private static let suffix = ".new"

    /// One that nobody guesses.
    static func make() -> String {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return prefix + String(repeating: "0", count: 16 - text.count) + text + suffix
    }

    /// Removes what was made under such a name, whatever it is; of a directory, an empty one.
    static func remove(_ name: String, in directory: Descriptor) {
        if unlinkat(directory.number, name, 0) != 0 { unlinkat(directory.number, name, AT_REMOVEDIR) }
    }

    /// Whether a name is one of ours.
    static func isOurs(_ name: String) -> Bool {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return false }
        let middle = name.dropFirst(prefix.count).dropLast(suffix.count)
        return middle.utf8.count == 16 && middle.allSatisfy { $0.isHexDigit && !$0.isUppercase }
    }
}
