import COpenSSL
import COpenSSLShim
public import CRDT
public import Spanner

/// An X.509 certificate of our own profile, parsed: P-256 key, version 3, bounded size. Not yet verified by anyone.
public struct Certificate: Sendable, Hashable, CustomStringConvertible {
    /// The exact bytes.
    public let der: [UInt8]
    /// The certified key.
    public let publicKey: TLSPublicKey
    /// When it is valid.
    public let validity: Validity
    /// Whether it may sign certificates.
    public let isCA: Bool
    /// What it may be used for; empty when it does not say.
    public let usages: ExtendedUsages
    /// URI names, in order.
    public let uris: [String]
    /// DNS names, in order.
    public let hosts: [String]
    /// IP addresses of 4 or 16 bytes, in order.
    public let addresses: [[UInt8]]
    /// Whether there are alternative names of other kinds.
    public let hasOtherNames: Bool
    /// Whether the subject has a common name. Its text is of no meaning here.
    public let hasCommonName: Bool
    /// Serial number, hexadecimal.
    public let serial: String
    /// The Ed25519 key that it certifies as well.
    public let signingKey: VerificationKey?
    /// The X25519 key that it certifies as well.
    public let sealingKey: Bytes32?

    let handle: CertificateHandle

    /// Parses one certificate. Never traps, whatever the bytes.
    ///
    /// Fails with `tooLarge`, with `malformed` for anything but one strict DER certificate, or with `notAllowed`
    /// when its key is not P-256.
    public init(der: [UInt8]) throws(IdentityError) {
        let fault: CertificateFault
        do {
            self = try CertificateParser.parse(der)
            return
        } catch { fault = error }
        throw IdentityError(
            fault.code, what: "read a certificate", why: fault.why,
            next: "use certificates that this program issued")
    }

    init(fields: CertificateParser.Fields) {
        (der, handle, publicKey) = (fields.der, fields.handle, fields.publicKey)
        (validity, isCA, usages) = (fields.validity, fields.isCA, fields.usages)
        (uris, hosts, addresses) = (fields.names.uris, fields.names.hosts, fields.names.addresses)
        (hasOtherNames, hasCommonName, serial) = (fields.names.hasOthers, fields.hasCommonName, fields.serial)
        (signingKey, sealingKey) = (fields.signingKey, fields.sealingKey)
    }

    /// The one SPIFFE id it names; nil when it names none, several, or something else.
    public var spiffeID: SPIFFEID? { uris.count == 1 ? SPIFFEID(uris[0]) : nil }

    /// PEM text of this certificate.
    public var pem: [UInt8] { PEM.encode(label: Self.pemLabel, der) }

    static let pemLabel = "CERTIFICATE"

    /// The certificates of a PEM text, in order: at least one, at most `IdentityLimits.pemBlocksMax`.
    ///
    /// `what` names the source in errors.
    public static func list(pem: [UInt8], what: String) throws(IdentityError) -> [Certificate] {
        var list: [Certificate] = []
        for block in try PEM.decode(pem, what: what) {
            guard block.label == pemLabel else {
                throw IdentityError(
                    .malformed, what: "read \(what)", why: "a \(block.label) stands where a certificate was expected",
                    next: "restore the file from where it was made")
            }
            list.append(try Certificate(der: block.der))
        }
        guard !list.isEmpty else {
            throw IdentityError(
                .malformed, what: "read \(what)", why: "it holds no certificate",
                next: "restore the file from where it was made")
        }
        return list
    }

    /// Same bytes.
    public static func == (left: Certificate, right: Certificate) -> Bool { left.der == right.der }

    /// By the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(der) }

    /// Its SPIFFE id and fingerprint.
    public var description: String { "\(spiffeID?.description ?? "certificate") \(publicKey.fingerprint)" }
}

/// Why bytes are no certificate that we would look at.
struct CertificateFault: Error, Equatable {
    let code: IdentityError.Code
    let why: String

    static func malformed(_ why: String) -> Self { Self(code: .malformed, why: why) }
}
