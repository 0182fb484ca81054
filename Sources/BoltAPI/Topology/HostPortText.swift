/// `host:port` as a topology writes it.
enum HostPortText {
    /// Host and port; nil where the text is no `host:port` with a port in 1...65535.
    static func split(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard (1...253).contains(host.utf8.count), !host.contains(where: { $0.isWhitespace || $0 == "/" }) else {
            return nil
        }
        return (String(host), port)
    }

    /// The text of both.
    static func join(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether a host means the machine itself.
    static func isLocal(_ host: String) -> Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}
