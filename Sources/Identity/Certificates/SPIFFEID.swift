public import Spanner

/// The mesh's name as the scope of its identities: one lower-case DNS name, such as `acme` or `mesh.example.net`.
public struct TrustDomain: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The checked text, at most `IdentityLimits.trustDomainBytesMax` bytes.
    public let text: String

    /// A trust domain from text; nil where it is no lower-case DNS name or too long.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= IdentityLimits.trustDomainBytesMax, MeshNames.isHost(text) else { return nil }
        self.text = String(text)
    }

    /// By the text's bytes.
    public static func < (left: TrustDomain, right: TrustDomain) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// The text.
    public var description: String { text }
}

/// Who a certificate is for, as its one URI name says: `spiffe://<trust domain>/<path>`.
///
/// Parsing accepts exactly the texts that `description` makes: no escapes, ports, queries, capitals or empty parts.
public struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    /// What the path stands for.
    public enum Subject: Hashable, Sendable {
        /// The root CA: no path at all.
        case root
        /// `/ca/bolts`: vouches for bolts of every partition.
        case boltsCA
        /// `/ca/operators`: vouches for operators.
        case operatorsCA
        /// `/ca/envoys/<partition>`: vouches for envoys of that partition only.
        case envoysCA(PartitionName)
        /// `/bolt/<partition>/<name>`.
        case bolt(PartitionName, BoltName)
        /// `/envoy/<partition>/<id, 32 hexadecimal digits>`.
        case envoy(PartitionName, PrincipalID)
        /// `/operator/<name>`.
        case `operator`(OperatorName)
    }

    /// The mesh.
    public let trustDomain: TrustDomain
    /// Whom or what it names there.
    public let subject: Subject

    /// An id from its parts.
    public init(_ trustDomain: TrustDomain, _ subject: Subject) {
        self.trustDomain = trustDomain
        self.subject = subject
    }

    /// An id from its text; nil for anything that `description` would not have written.
    public init?(_ text: String) {
        let scheme = "spiffe://"
        guard text.utf8.count <= IdentityLimits.spiffeBytesMax, text.hasPrefix(scheme) else { return nil }
        let parts = text.dropFirst(scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        guard let host = parts.first, let domain = TrustDomain(host),
            let subject = Self.subject(parts.dropFirst().map(String.init))
        else { return nil }
        self.init(domain, subject)
        guard description == text else { return nil }
    }

    private static func subject(_ path: [String]) -> Subject? {
        switch path.count {
        case 0: return .root
        case 2 where path[0] == "ca" && path[1] == "bolts": return .boltsCA
        case 2 where path[0] == "ca" && path[1] == "operators": return .operatorsCA
        case 2 where path[0] == "operator": return OperatorName(path[1]).map(Subject.operator)
        case 3 where path[0] == "ca" && path[1] == "envoys": return PartitionName(path[2]).map(Subject.envoysCA)
        case 3 where path[0] == "bolt":
            guard let partition = PartitionName(path[1]), let name = BoltName(path[2]) else { return nil }
            return .bolt(partition, name)
        case 3 where path[0] == "envoy":
            guard let partition = PartitionName(path[1]), let id = PrincipalID(hex: path[2]) else { return nil }
            return .envoy(partition, id)
        default: return nil
        }
    }

    /// The text that stands in certificates.
    public var description: String {
        let path =
            switch subject {
            case .root: ""
            case .boltsCA: "/ca/bolts"
            case .operatorsCA: "/ca/operators"
            case .envoysCA(let partition): "/ca/envoys/\(partition)"
            case .bolt(let partition, let name): "/bolt/\(partition)/\(name)"
            case .envoy(let partition, let id): "/envoy/\(partition)/\(id)"
            case .operator(let name): "/operator/\(name)"
            }
        return "spiffe://\(trustDomain)\(path)"
    }
}
