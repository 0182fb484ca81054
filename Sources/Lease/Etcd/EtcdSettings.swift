/// How to reach an etcd that others run.
public struct EtcdSettings: Sendable {
    /// `https://host:port`, tried in this order beginning with the one that answered last; plain `http` on loopback
    /// only. 1...`endpointsMax`.
    public var endpoints: [String]
    /// PEM file of the CA that etcd's certificates are of; needed for `https`.
    public var caFile: String?
    /// PEM file of this bolt's client certificate chain, where etcd asks for one.
    public var certificateFile: String?
    /// PEM file of its private key, mode 0600.
    public var keyFile: String?
    /// Name of etcd's user, where etcd asks for one.
    public var user: String?
    /// File with that user's password, mode 0600.
    public var passwordFile: String?
    /// What all keys begin with.
    public var keyPrefix = "/bolt"
    /// Campaign even at a version of etcd with known errors in its leases. Safety does not rest on leases, but needless
    /// failovers follow from them.
    public var acceptOldEtcd = false
    /// Bound of the time in which a connection comes up.
    public var connectTimeout: Duration = .milliseconds(500)

    /// Endpoints that are taken.
    public static let endpointsMax = 16
    static let keyPrefixBytesMax = 200
    static let answerBytesMax = 64 * 1024
    static let passwordBytesMax = 1024

    /// An etcd at these endpoints.
    public init(endpoints: [String]) { self.endpoints = endpoints }

    /// Which rules are broken: text for people, empty where none is.
    public var violations: [String] {
        var found: [String] = []
        if !(1...Self.endpointsMax).contains(endpoints.count) {
            found.append("1 to \(Self.endpointsMax) endpoints are taken, \(endpoints.count) are named")
        }
        let parsed = endpoints.map { ($0, EtcdEndpoint($0)) }
        for (text, endpoint) in parsed {
            guard let endpoint else {
                found.append("“\(text)” is no endpoint: https://host:port is expected")
                continue
            }
            if !endpoint.isSecure, !endpoint.isLoopback {
                found.append("\(endpoint) is plain HTTP to another machine: use https")
            }
        }
        let known = parsed.compactMap { $0.1 }
        if known.contains(where: \.isSecure), known.contains(where: { !$0.isSecure }) {
            found.append("endpoints with and without TLS must not be mixed")
        }
        if known.contains(where: \.isSecure), caFile == nil {
            found.append("https needs the CA of etcd's certificates")
        }
        if (certificateFile == nil) != (keyFile == nil) {
            found.append("a client certificate and its key must be named together")
        }
        if (user == nil) != (passwordFile == nil) { found.append("a user and a password file must be named together") }
        let prefix = keyPrefix.utf8
        if !keyPrefix.hasPrefix("/") || keyPrefix.hasSuffix("/") || prefix.count > Self.keyPrefixBytesMax
            || !prefix.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            found.append(
                "the key prefix must begin with / and not end with it, in at most \(Self.keyPrefixBytesMax) "
                    + "printable ASCII characters")
        }
        if connectTimeout <= .zero { found.append("the connect timeout must be positive") }
        return found
    }
}
