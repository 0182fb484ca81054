internal import Glibc
internal import Policy

/// A directory with a mode and an owner. What is in it is left alone.
struct DirectoryWork: Work {
    let context: WorkContext
    let spec: DirectorySpec

    func plan() throws(ResourceFailure) -> Plan {
        let path = try RootPath(spec.path)
        let ownership = try Ownership(owner: spec.owner, group: spec.group, of: spec.path)
        let directory = try context.tree.parent(of: path)
        let old = try RootTree.entry(path.name, in: directory, for: spec.path)
        guard let old else {
            try ownership.check(spec.path)
            let placement = Placement(context: context, path: path, directory: directory, old: nil)
            return Plan(summary: ["new"]) { () throws(ResourceFailure) in
                try placement.putDirectory(mode: spec.mode ?? 0o755, user: ownership.user, group: ownership.group)
                return Applied(isChanged: true)
            }
        }
        guard old.kind == S_IFDIR else {
            throw ResourceFailure(
                .wrongKind, what: "make the directory \(spec.path)", why: "\(old.kindText) is in its place",
                next: "remove it by hand, or by a resource `absent` for one pass")
        }
        var summary: [String] = []
        if let mode = spec.mode, mode != old.permissions {
            summary.append("mode \(octal(old.permissions)) → \(octal(mode))")
        }
        summary += try ownership.changes(of: old, at: spec.path)
        guard !summary.isEmpty else { return .nothing }
        return Plan(summary: summary) { () throws(ResourceFailure) in
            try change(path, in: directory, old: old, ownership)
            return Applied(isChanged: true)
        }
    }

    /// Gives a directory that is there its owner and mode, through itself and not through its name.
    private func change(
        _ path: RootPath, in directory: Descriptor, old: stat, _ ownership: Ownership
    ) throws(ResourceFailure) {
        let number = openat(directory.number, path.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw .system("open the directory \(spec.path)", errno) }
        let found = Descriptor(owning: number)
        guard found.status?.isSame(as: old) == true else {
            throw ResourceFailure(
                .changedMeanwhile, what: "change \(spec.path)", why: "another directory took its place meanwhile",
                next: "look who else changes it; the next pass tries again")
        }
        if ownership.user != nil || ownership.group != nil {
            guard fchown(number, ownership.user ?? uid_t.max, ownership.group ?? gid_t.max) == 0 else {
                throw .system("give \(spec.path) its owner", errno)
            }
        }
        if let mode = spec.mode, fchmod(number, mode_t(mode)) != 0 {
            throw .system("give \(spec.path) its mode", errno, hasChangedState: true)
        }
    }
}
