import BoltClient

/// Where an etcd answers clients: `https://host:port`, or `http://` on this very machine.
struct EtcdEndpoint: Hashable, Sendable, CustomStringConvertible {
    let isSecure: Bool
    let address: HostPort

    /// etcd's port for clients.
    static let portDefault = 2379

    /// From a URL without a path; nil for anything else.
    init?(_ text: String) {
        let schemes = [("https://", true), ("http://", false)]
        guard let (scheme, isSecure) = schemes.first(where: { text.hasPrefix($0.0) }) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.last == "/" { rest.removeLast() }
        let hasPort = rest.last != "]" && rest.split(separator: "]").last?.contains(":") == true
        guard !rest.contains(where: { "/?#@".contains($0) }),
            let address = HostPort(hasPort ? String(rest) : "\(rest):\(Self.portDefault)")
        else { return nil }
        (self.isSecure, self.address) = (isSecure, address)
    }

    /// Whether nobody else can listen to what goes there.
    var isLoopback: Bool {
        address.host == "localhost" || address.host == "::1"
            || address.host.hasPrefix("127.") && address.host.allSatisfy { $0.isNumber || $0 == "." }
    }

    /// Whether the host is an address, which TLS does not put into its server name.
    var isNumeric: Bool {
        address.host.contains(":") || address.host.allSatisfy { $0.isNumber || $0 == "." }
    }

    var description: String { "\(isSecure ? "https" : "http")://\(address)" }
}
