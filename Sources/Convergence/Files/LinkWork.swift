internal import Glibc
internal import Policy

/// A symbolic link. Where it points to is not looked at: it may be a place that is not there yet.
struct LinkWork: Work {
    let context: WorkContext
    let spec: LinkSpec

    func plan() throws(ResourceFailure) -> Plan {
        let path = try RootPath(spec.path)
        let bytes = Array(spec.target.utf8)
        guard (1...FixedLimits.linkTargetBytesMax).contains(bytes.count), !bytes.contains(0) else {
            throw ResourceFailure(
                .badPath, what: "make the link \(spec.path)", why: "its target is empty, too long, or holds a zero",
                next: "correct the target in the stack")
        }
        let directory = try context.tree.parent(of: path)
        let old = try RootTree.entry(path.name, in: directory, for: spec.path)
        let placement = Placement(context: context, path: path, directory: directory, old: old)
        var summary = ["new", "target \(spec.target)"]
        if let old {
            guard old.kind == S_IFLNK else {
                throw ResourceFailure(
                    .wrongKind, what: "make the link \(spec.path)", why: "\(old.kindText) is in its place",
                    next: "remove it by hand, or by a resource `absent` for one pass; only a link is replaced")
            }
            guard let target = RootTree.target(of: directory.number, path.name) else {
                throw .system("read the link \(spec.path)", errno)
            }
            if target == spec.target { return .nothing }
            summary = ["target \(target) → \(spec.target)"]
        }
        return Plan(summary: summary) { () throws(ResourceFailure) in
            try placement.putLink(spec.target)
            return Applied(isChanged: true)
        }
    }
}
