internal import Glibc

/// Who shall own something, as numbers; nil for what is left as it is.
struct Ownership {
    /// The user.
    let user: uid_t?
    /// The group.
    let group: gid_t?

    /// From names or numbers of the stack.
    init(owner: String?, group: String?, of path: String) throws(ResourceFailure) {
        user = try owner.map { (name) throws(ResourceFailure) in try Ownership.user(name, of: path) }
        self.group = try group.map { (name) throws(ResourceFailure) in try Ownership.group(name, of: path) }
    }

    /// What of it differs, in words, and whether we may change it.
    func changes(of status: stat, at path: String) throws(ResourceFailure) -> [String] {
        var found: [String] = []
        if let user, user != status.st_uid { found.append("owner \(status.st_uid) → \(user)") }
        if let group, group != status.st_gid { found.append("group \(status.st_gid) → \(group)") }
        if !found.isEmpty { try check(path) }
        return found
    }

    /// Fails with `needsRoot` where the agent's user may not give a thing of its own this owner and group.
    func check(_ path: String) throws(ResourceFailure) {
        guard geteuid() != 0 else { return }
        if let user, user != geteuid() { throw Ownership.needsRoot(path, "user \(user)") }
        if let group, group != getegid(), !Ownership.ownGroups.contains(group) {
            throw Ownership.needsRoot(path, "group \(group)")
        }
    }

    private static func needsRoot(_ path: String, _ whom: String) -> ResourceFailure {
        ResourceFailure(
            .needsRoot, what: "give \(path) to \(whom)", why: "the agent runs as user \(geteuid()), and only root may",
            next: "run the agent as root, or leave owner and group out")
    }

    private static var ownGroups: [gid_t] {
        let count = getgroups(0, nil)
        guard count > 0 else { return [] }
        var groups = [gid_t](repeating: 0, count: Int(count))
        return Array(groups.prefix(Int(max(0, getgroups(count, &groups)))))
    }

    private static func user(_ name: String, of path: String) throws(ResourceFailure) -> uid_t {
        if let number = uid_t(name) { return number }
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 64 * 1_024)
        var found: UnsafeMutablePointer<passwd>?
        let failed = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
        guard failed == 0, found != nil else { throw unknown("user", name, path) }
        return entry.pw_uid
    }

    private static func group(_ name: String, of path: String) throws(ResourceFailure) -> gid_t {
        if let number = gid_t(name) { return number }
        var entry = Glibc.group()
        var buffer = [CChar](repeating: 0, count: 64 * 1_024)
        var found: UnsafeMutablePointer<Glibc.group>?
        let failed = getgrnam_r(name, &entry, &buffer, buffer.count, &found)
        guard failed == 0, found != nil else { throw unknown("group", name, path) }
        return entry.gr_gid
    }

    private static func unknown(_ kind: String, _ name: String, _ path: String) -> ResourceFailure {
        ResourceFailure(
            .unknownOwner, what: "give \(path) to the \(kind) \(name)", why: "this machine knows no such \(kind)",
            next: "let a resource that this one requires make the \(kind), or correct the name in the stack")
    }
}

/// Permission bits as people write them.
func octal(_ mode: UInt16) -> String { "0" + String(mode, radix: 8) }
