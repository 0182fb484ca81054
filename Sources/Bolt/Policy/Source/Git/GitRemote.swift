/// Where a stack is in a git repository that somebody else keeps.
struct GitRemote: Hashable, Sendable {
    /// Its address: `https://`, `ssh://`, `file://`, or `user@host:path`; without a password.
    var url: String
    /// The branch.
    var branch = "main"
    /// The stack's folder in the repository; nil: all of it.
    var folder: String?
    /// File of mode 0600 with `https://user:password@host` lines, as git's `store` helper has them.
    var credentialsFile: String?
    /// File of mode 0600 with the private key for ssh.
    var keyFile: String?
    /// Longest time of a fetch.
    var timeout: Duration = .seconds(60)

    /// In words.
    var words: String { "git \(url) \(branch)" + (folder.map { ":\($0)" } ?? "") }

    /// Bytes of an address.
    static let urlBytesMax = 1024

    /// Whether an address is one that is fetched from: no other protocol, no option in disguise, no password, which
    /// would stand in lists of processes and in this configuration.
    static func isURL(_ text: String) -> Bool {
        guard (1...urlBytesMax).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !text.contains("::")
        else { return false }
        for scheme in ["https://", "ssh://", "file://"] where text.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            if scheme == "file://" { return rest.hasPrefix("/") && rest.count > 1 }
            let host = rest.prefix { $0 != "/" }
            let user = host.split(separator: "@", omittingEmptySubsequences: false)
            guard user.count <= 2, let last = user.last, !last.isEmpty, !last.hasPrefix("-") else { return false }
            return user.count == 1 || !(user[0].contains(":") || user[0].hasPrefix("-") || user[0].isEmpty)
        }
        return isShort(text)
    }

    /// `user@host:path`, as ssh has it.
    private static func isShort(_ text: String) -> Bool {
        guard !text.contains("://"), let at = text.firstIndex(of: "@"), let colon = text.firstIndex(of: ":"), at < colon
        else { return false }
        let (user, host) = (text[..<at], text[text.index(after: at)..<colon])
        let path = text[text.index(after: colon)...]
        func isWord(_ part: Substring) -> Bool {
            !part.isEmpty && !part.hasPrefix("-")
                && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        }
        return isWord(user) && isWord(host) && !path.isEmpty && !path.hasPrefix("-")
    }

    /// Whether a text is a branch's name, by the stricter half of git's rules.
    static func isBranch(_ text: String) -> Bool {
        guard (1...200).contains(text.utf8.count), !text.hasPrefix("-"), !text.contains("..") else { return false }
        let isPlain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._/+-".contains($0)) }
        return isPlain
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") && !$0.hasSuffix(".")
            }
    }

    /// Whether a text is a folder in a repository.
    static func isFolder(_ text: String) -> Bool {
        (1...1024).contains(text.utf8.count) && !text.hasPrefix("-")
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && $0 != "." && $0 != ".." && $0 != ".git"
            }
    }
}
