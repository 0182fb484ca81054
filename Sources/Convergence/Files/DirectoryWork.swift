internal import CConvergence
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
            return Plan(summary: ["new"]) { () throws(ResourceFailure) in try make(placement, ownership) }
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
            let found = try open(path, in: directory, old: old)
            try set(found, mode: spec.mode, ownership, hasChangedState: false)
            return Applied(isChanged: true)
        }
    }

    private func make(_ placement: Placement, _ ownership: Ownership) throws(ResourceFailure) -> Applied {
        context.atStep(.ready, spec.path)
        try placement.checkUnmoved()
        // Closed to others until owner and mode are what they shall be; an end in between is put right by the next run.
        guard mkdirat(placement.directory.number, placement.path.name, 0o700) == 0 else {
            throw .system("make the directory \(spec.path)", errno)
        }
        context.atStep(.directoryMade, spec.path)
        let found = try open(placement.path, in: placement.directory, old: nil)
        try set(found, mode: spec.mode ?? 0o755, ownership, hasChangedState: true)
        try placement.syncDirectory()
        return Applied(isChanged: true)
    }

    private func open(
        _ path: RootPath, in directory: Descriptor, old: stat?
    ) throws(ResourceFailure) -> Descriptor {
        let number = openat(directory.number, path.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw .system("open the directory \(spec.path)", errno, hasChangedState: old == nil) }
        let found = Descriptor(owning: number)
        if let old, found.status?.isSame(as: old) != true {
            throw ResourceFailure(
                .changedMeanwhile, what: "change \(spec.path)", why: "another directory took its place meanwhile",
                next: "look who else changes it; the next pass tries again")
        }
        return found
    }

    private func set(
        _ directory: Descriptor, mode: UInt16?, _ ownership: Ownership, hasChangedState: Bool
    ) throws(ResourceFailure) {
        if ownership.user != nil || ownership.group != nil {
            guard fchown(directory.number, ownership.user ?? uid_t.max, ownership.group ?? gid_t.max) == 0 else {
                throw .system("give \(spec.path) its owner", errno, hasChangedState: hasChangedState)
            }
        }
        if let mode, fchmod(directory.number, mode_t(mode)) != 0 {
            throw .system("give \(spec.path) its mode", errno, hasChangedState: true)
        }
        context.atStep(.owned, spec.path)
    }
}
