/// Why a presented certificate chain is not accepted: one reason, precise enough to act on from the log alone.
///
/// Always the peer's fault or a matter of configuration; nothing changes by it. Equality is by `code`.
public struct PeerRejection: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a reason, as it stands in logs, metrics and the error catalogue.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name itself, beginning with `tls_`.
        public let rawValue: String

        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// The stable reason.
    public let code: Code
    /// What was found, for people. Text taken from a certificate is printable and bounded.
    public let detail: String

    /// A rejection for a reason.
    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// Equal when the reasons are.
    public static func == (left: PeerRejection, right: PeerRejection) -> Bool { left.code == right.code }

    /// Code and detail.
    public var description: String { "\(code.rawValue): \(detail)" }
}

extension PeerRejection.Code {
    /// No certificate was presented.
    public static let noCertificate = Self(rawValue: "tls_no_certificate")
    /// More certificates than `IdentityLimits.chainCountMax`, or one over `certificateBytesMax`.
    public static let chainTooLong = Self(rawValue: "tls_chain_too_long")
    /// Bytes that are no strict DER certificate, or one that breaks a rule of X.509.
    public static let malformed = Self(rawValue: "tls_malformed")
    /// A key that is not P-256, or a signature that is not ECDSA with SHA-256 or better.
    public static let weakKey = Self(rawValue: "tls_weak_key")
    /// The chain does not lead to this mesh's root: another mesh's, self-signed, or its issuing CA is missing.
    public static let foreignCA = Self(rawValue: "tls_foreign_ca")
    /// A signature in the chain does not verify.
    public static let badSignature = Self(rawValue: "tls_bad_signature")
    /// A certificate of the chain has ended.
    public static let expired = Self(rawValue: "tls_expired")
    /// A certificate of the chain has not begun: often a clock that runs behind.
    public static let notYetValid = Self(rawValue: "tls_not_yet_valid")
    /// The certificate may not be used for this end of a connection.
    public static let wrongEKU = Self(rawValue: "tls_wrong_eku")
    /// Neither a URI name nor a common name.
    public static let missingURISAN = Self(rawValue: "tls_missing_uri_san")
    /// More than one URI name, or names of a kind that its role may not have.
    public static let extraURISAN = Self(rawValue: "tls_extra_uri_san")
    /// A common name and no URI name: common names are of no meaning here.
    public static let cnOnly = Self(rawValue: "tls_cn_only")
    /// The URI name is no SPIFFE id of our form.
    public static let badSPIFFEID = Self(rawValue: "tls_bad_spiffe_id")
    /// A SPIFFE id of another mesh's name.
    public static let foreignTrustDomain = Self(rawValue: "tls_foreign_trust_domain")
    /// A role that is not accepted here, or that its issuing CA may not vouch for.
    public static let wrongRole = Self(rawValue: "tls_wrong_role")
    /// The signing or sealing key that its role must have certified is missing, or one it must not have is there.
    public static let wrongKeys = Self(rawValue: "tls_wrong_keys")

    /// Every reason, for the error catalogue.
    public static let all: [Self] = [
        .noCertificate, .chainTooLong, .malformed, .weakKey, .foreignCA, .badSignature, .expired, .notYetValid,
        .wrongEKU, .missingURISAN, .extraURISAN, .cnOnly, .badSPIFFEID, .foreignTrustDomain, .wrongRole, .wrongKeys,
    ]
}
