internal import CConvergence
internal import Glibc
internal import Policy

/// Nothing at a path. Links are removed, never followed, and no file system that is mounted below is touched.
struct AbsentWork: Work {
    let context: WorkContext
    let spec: AbsentSpec

    func plan() throws(ResourceFailure) -> Plan {
        let path = try RootPath(spec.path)
        let directory: Descriptor
        do throws(ResourceFailure) {
            directory = try context.tree.parent(of: path)
        } catch {
            // Where the directory is not there, nothing is in it.
            if error.code == ResourceFailure.Code.parentMissing.rawValue { return .nothing }
            throw error
        }
        guard let old = try RootTree.entry(path.name, in: directory, for: spec.path) else { return .nothing }
        guard old.kind != S_IFBLK, old.kind != S_IFCHR else {
            throw ResourceFailure(
                .wrongKind, what: "remove \(spec.path)", why: "it is \(old.kindText)", next: "remove it by hand")
        }
        let placement = Placement(context: context, path: path, directory: directory, old: old)
        guard old.kind == S_IFDIR else {
            return Plan(summary: ["removed: \(old.kindText)"]) { () throws(ResourceFailure) in
                try remove(placement, flags: 0)
            }
        }
        guard spec.recursive else {
            try checkEmpty(path, in: directory)
            return Plan(summary: ["removed: a directory"]) { () throws(ResourceFailure) in
                try remove(placement, flags: AT_REMOVEDIR)
            }
        }
        return Plan(summary: ["removed: a directory and all that is in it"]) { () throws(ResourceFailure) in
            context.atStep(.ready, spec.path)
            try placement.checkUnmoved()
            var removal = TreeRemoval(context: context, path: spec.path, device: old.st_dev)
            try removal.remove(Array(path.name.utf8CString), in: directory, depth: 0)
            try placement.syncDirectory()
            return Applied(isChanged: true)
        }
    }

    private func remove(_ placement: Placement, flags: Int32) throws(ResourceFailure) -> Applied {
        context.atStep(.ready, spec.path)
        try placement.checkUnmoved()
        guard unlinkat(placement.directory.number, placement.path.name, flags) == 0 else {
            throw errno == ENOTEMPTY || errno == EEXIST
                ? notEmpty(spec.path) : .system("remove \(spec.path)", errno)
        }
        context.atStep(.nameRemoved, spec.path)
        try placement.syncDirectory()
        return Applied(isChanged: true)
    }

    private func checkEmpty(_ path: RootPath, in directory: Descriptor) throws(ResourceFailure) {
        let number = openat(directory.number, path.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw .system("look into \(spec.path)", errno) }
        if try !TreeRemoval.names(in: number, max: 1, of: spec.path).isEmpty { throw notEmpty(spec.path) }
    }

    private func notEmpty(_ path: String) -> ResourceFailure {
        ResourceFailure(
            .notEmpty, what: "remove the directory \(path)", why: "it is not empty",
            next: "say recursive: true in the stack where all that is in it shall go")
    }
}

/// Removes a directory with all that is in it, from below; each name from the open directory that it is in. Names are
/// bytes here: a name that is no text goes too.
private struct TreeRemoval {
    let context: WorkContext
    let path: String
    let device: dev_t
    private var removed = 0

    init(context: WorkContext, path: String, device: dev_t) {
        (self.context, self.path, self.device) = (context, path, device)
    }

    mutating func remove(_ name: [CChar], in parent: Descriptor, depth: Int) throws(ResourceFailure) {
        guard depth < FixedLimits.removedDepthMax else {
            throw tooMuch("it is more than \(FixedLimits.removedDepthMax) directories deep")
        }
        let number = converge_open_unmounted(parent.number, name)
        guard number >= 0 else {
            throw errno == EXDEV ? mounted() : .system("look into \(path)", errno, hasChangedState: removed > 0)
        }
        let directory = Descriptor(owning: number)
        // Where the system cannot tell what is mounted: at least nothing of another device.
        guard directory.status?.st_dev == device else { throw mounted() }
        while true {
            let listing = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard listing >= 0 else { throw .system("look into \(path)", errno, hasChangedState: removed > 0) }
            let names = try TreeRemoval.names(in: listing, max: 1_024, of: path)
            if names.isEmpty { break }
            for entry in names { try removeEntry(entry, in: directory, depth: depth) }
        }
        try removeName(name, in: parent, flags: AT_REMOVEDIR)
    }

    private mutating func removeEntry(
        _ name: [CChar], in directory: Descriptor, depth: Int
    ) throws(ResourceFailure) {
        guard !context.isCancelled() else {
            throw ResourceFailure(
                .cancelled, what: "remove \(path)", why: "the pass was to end", next: "the next pass goes on",
                hasChangedState: removed > 0)
        }
        var found = stat()
        // One that is gone meanwhile is counted like the others: whoever fills what we empty meets the bound.
        if fstatat(directory.number, name, &found, AT_SYMLINK_NOFOLLOW) == 0, found.kind == S_IFDIR {
            try remove(name, in: directory, depth: depth + 1)
        } else {
            try removeName(name, in: directory, flags: 0)
        }
    }

    private mutating func removeName(_ name: [CChar], in directory: Descriptor, flags: Int32) throws(ResourceFailure) {
        guard removed < context.limits.removedEntriesMax else {
            throw tooMuch("more than \(context.limits.removedEntriesMax) names are in it")
        }
        guard unlinkat(directory.number, name, flags) == 0 || errno == ENOENT else {
            throw .system("remove what is in \(path)", errno, hasChangedState: removed > 0)
        }
        removed += 1
        context.atStep(.nameRemoved, path)
    }

    private func mounted() -> ResourceFailure {
        ResourceFailure(
            .wrongKind, what: "remove \(path)", why: "another file system is mounted at it or below it",
            next: "unmount it first", hasChangedState: removed > 0)
    }

    private func tooMuch(_ why: String) -> ResourceFailure {
        ResourceFailure(
            .tooMuch, what: "remove \(path)", why: why, next: "the next pass goes on; or remove it by hand",
            hasChangedState: removed > 0)
    }

    /// Up to `max` names of an open directory, which is closed.
    static func names(in number: Int32, max: Int, of path: String) throws(ResourceFailure) -> [[CChar]] {
        guard let listing = fdopendir(number) else {
            let reason = errno
            close(number)
            throw .system("look into \(path)", reason)
        }
        defer { closedir(listing) }
        var found: [[CChar]] = []
        while found.count < max, let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) {
                    [CChar](UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            if name != [0x2E, 0], name != [0x2E, 0x2E, 0] { found.append(name) }
        }
        return found
    }
}
