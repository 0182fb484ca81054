internal import Glibc
internal import Policy

/// A file with a content, a mode and an owner.
struct FileWork: Work {
    let context: WorkContext
    let spec: FileSpec

    func plan() throws(ResourceFailure) -> Plan {
        let path = try RootPath(spec.path)
        let ownership = try Ownership(owner: spec.owner, group: spec.group, of: spec.path)
        let directory = try context.tree.parent(of: path)
        let old = try RootTree.entry(path.name, in: directory, for: spec.path)
        guard let old else { return try planNew(path, directory, ownership) }
        guard old.kind == S_IFREG else {
            throw ResourceFailure(
                .wrongKind, what: "write \(spec.path)", why: "\(old.kindText) is in its place",
                next: "remove it by hand, or by a resource `absent` for one pass; only a file is replaced")
        }
        let (isEqual, held) = try compare(old, in: directory, name: path.name)
        var summary = isEqual ? [] : ["content"]
        if let mode = spec.mode, mode != old.permissions {
            summary.append("mode \(octal(old.permissions)) → \(octal(mode))")
        }
        summary += try ownership.changes(of: old, at: spec.path)
        guard !summary.isEmpty else { return .nothing }
        let keeper = try owner(after: ownership, of: old)
        let mode = spec.mode ?? old.permissions
        let placement = Placement(context: context, path: path, directory: directory, old: old)
        let difference = isEqual ? nil : difference(from: held, size: Int(old.st_size), modes: [old.permissions, mode])
        return Plan(summary: summary, difference: difference) { () throws(ResourceFailure) in
            // Also where only mode or owner differ: the file may have other names, and those are not ours to change.
            try placement.putFile(spec.content, mode: mode, user: keeper.user, group: keeper.group)
            return Applied(isChanged: true)
        }
    }

    private func planNew(
        _ path: RootPath, _ directory: Descriptor, _ ownership: Ownership
    ) throws(ResourceFailure) -> Plan {
        try ownership.check(spec.path)
        let mode = spec.mode ?? 0o644
        let placement = Placement(context: context, path: path, directory: directory, old: nil)
        let difference = difference(from: .some(nil), size: 0, modes: [mode])
        return Plan(summary: ["new"], difference: difference) { () throws(ResourceFailure) in
            try placement.putFile(spec.content, mode: mode, user: ownership.user, group: ownership.group)
            return Applied(isChanged: true)
        }
    }

    /// Who owns the file that takes the place of the old one: what the stack says, else who owned that.
    private func owner(
        after wanted: Ownership, of old: stat
    ) throws(ResourceFailure) -> (user: uid_t?, group: gid_t?) {
        let user = wanted.user ?? (old.st_uid == geteuid() ? nil : old.st_uid)
        let group = wanted.group ?? (old.st_gid == getegid() ? nil : old.st_gid)
        guard geteuid() != 0, let user, user != geteuid() else { return (user, group) }
        throw ResourceFailure(
            .needsRoot, what: "replace \(spec.path)",
            why: "it belongs to user \(user), the agent runs as \(geteuid()), and only root may keep that",
            next: "run the agent as root, or give the file to the agent's user")
    }

    /// Whether the file holds what it shall; and what it holds, where that is little enough to be shown.
    private func compare(
        _ old: stat, in directory: Descriptor, name: String
    ) throws(ResourceFailure) -> (isEqual: Bool, held: [UInt8]??) {
        let hasSize = Int(old.st_size) == spec.content.count
        let isShown = Int(old.st_size) <= context.limits.diffInputBytesMax
        guard hasSize || isShown else { return (false, nil) }
        // Without waiting, should a pipe have taken the file's place by now.
        let number = openat(directory.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard number >= 0 else { throw .system("read \(spec.path)", errno) }
        let file = Descriptor(owning: number)
        guard let status = file.status, status.isSame(as: old), status.kind == S_IFREG else {
            throw ResourceFailure(
                .changedMeanwhile, what: "read \(spec.path)", why: "another thing took its place meanwhile",
                next: "look who else changes it; the next pass tries again")
        }
        let most = max(spec.content.count, isShown ? context.limits.diffInputBytesMax : 0)
        guard let bytes = file.read(max: most + 1) else { throw .system("read \(spec.path)", errno) }
        return (bytes == spec.content, bytes.count <= context.limits.diffInputBytesMax ? .some(bytes) : nil)
    }

    /// `held` is nil for one that is too long, nil inside for none.
    private func difference(from held: [UInt8]??, size: Int, modes: [UInt16]) -> Difference {
        // What others may not read on the machine, they shall not read in a report.
        guard modes.allSatisfy({ $0 & 0o004 != 0 }) else {
            return .note("content is not shown: others may not read the file")
        }
        guard let held, spec.content.count <= context.limits.diffInputBytesMax else {
            return .note("content is not shown: \(size) bytes → \(spec.content.count) bytes")
        }
        return .contents(old: held, new: spec.content)
    }
}
