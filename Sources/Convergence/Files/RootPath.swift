/// The path of a resource: names below the root, at least one. Says nothing about what is there.
struct RootPath: Hashable, Sendable {
    /// The directories.
    let parents: [String]
    /// The last name.
    let name: String

    /// From an absolute path. One that leads anywhere but straight down is refused, whatever it would come to.
    init(_ text: String) throws(ResourceFailure) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let names = parts.dropFirst()
        guard parts.first == "", let last = names.last else {
            throw RootPath.malformed(text, "it does not begin with a slash")
        }
        guard text.utf8.count <= 4_095, !text.utf8.contains(0) else {
            throw RootPath.malformed(text, "it is too long, or holds a zero")
        }
        if names.contains("..") || names.contains(".") {
            throw RootPath.malformed(text, "it has a part that leads elsewhere: . or ..")
        }
        guard names.allSatisfy({ (1...255).contains($0.utf8.count) }) else {
            throw RootPath.malformed(text, "it has an empty part, or one of more than 255 bytes")
        }
        (parents, name) = (Array(names.dropLast()), last)
    }

    /// As it stands in the stack.
    var text: String { "/" + (parents + [name]).joined(separator: "/") }
    /// The directory that it is in, as text.
    var parentText: String { "/" + parents.joined(separator: "/") }

    private static func malformed(_ text: String, _ why: String) -> ResourceFailure {
        ResourceFailure(
            .badPath, what: "use the path \(text)", why: why,
            next: "write an absolute path in the stack; it is taken below the agent's root")
    }
}
