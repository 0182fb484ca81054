import Glibc
public import Identity
import NIOCore
import NIOPosix
public import Spanner

/// Who is at the other end of a connection, as the verified leaf says, with the chain as it was presented.
///
/// Nothing of it comes from what was sent later. Whether the principal is admitted is the roster's word, asked with
/// each request.
public struct CertifiedPeer: Hashable, Sendable {
    /// What the certificate says.
    public let verified: VerifiedPeer
    /// The chain as it was presented, leaf first, DER.
    public let chain: [[UInt8]]

    /// A peer whose chain verified.
    public init(verified: VerifiedPeer, chain: [[UInt8]]) { (self.verified, self.chain) = (verified, chain) }

    /// What it may be.
    public var role: PrincipalRole { verified.role.kind }
    /// Fingerprint of its TLS key: what the roster knows it by.
    public var tlsKey: KeyFingerprint { verified.fingerprint }

    /// As a bolt for the gossip core; nil for envoys, who have no signing key.
    public var bolt: PeerIdentity? {
        guard role == .bolt, let signingKey = verified.signingKey else { return nil }
        return PeerIdentity(tlsKey: tlsKey, signingKey: signingKey)
    }
}

/// Why a connection was not taken: for the log of the end that refused it, and for its metrics.
public struct ConnectionRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable name of the reason, lower case with underscores.
    public let code: String
    /// The reason in words, with what was expected and what was shown.
    public let why: String

    /// A reason.
    public init(code: String, why: String) { (self.code, self.why) = (code, why) }

    /// What the verifier found wrong with a chain.
    public init(_ rejection: PeerRejection) { (code, why) = (rejection.code.rawValue, rejection.detail) }

    /// Both.
    public var description: String { "\(why) [\(code)]" }

    /// The same reason with the underlying error's text.
    func because(_ text: String) -> ConnectionRefusal { ConnectionRefusal(code: code, why: "\(why): \(text)") }
}

extension ConnectionRefusal {
    /// A certificate is needed and none was shown.
    public static let noCertificate = ConnectionRefusal(
        PeerRejection(.noCertificate, "a peer link needs a certificate of this mesh and none was presented"))
    /// The handshake did not end in time.
    public static let handshakeTimeout = ConnectionRefusal(
        code: "handshake_timeout", why: "the TLS handshake did not end within its limit")
    /// The peer left before the handshake ended.
    public static let handshakeAborted = ConnectionRefusal(
        code: "handshake_aborted", why: "the peer closed the connection before the TLS handshake ended")
    /// TLS itself failed, for a reason that has no name of its own here.
    public static let handshakeFailed = ConnectionRefusal(
        code: "handshake_failed", why: "the TLS handshake failed")
    /// The other side speaks no TLS 1.3.
    public static let tlsVersion = ConnectionRefusal(
        code: "tls_version", why: "TLS 1.3 is spoken here, and the other side does not")
    /// The other side speaks something else.
    public static let notTLS = ConnectionRefusal(
        code: "tls_not_tls", why: "what the other side sent is not TLS: plain HTTP, or another protocol")
    /// Cipher, group or signature algorithms have nothing in common.
    public static let noSharedParameters = ConnectionRefusal(
        code: "tls_no_shared_parameters", why: "no cipher, group or signature algorithm is known to both sides")
    /// The certificate was shown by somebody who does not have its key.
    public static let badSignature = ConnectionRefusal(
        PeerRejection(.badSignature, "the handshake is not signed by the key of the certificate that was shown"))
    /// The other side ended the handshake with an alert.
    public static let refusedByPeer = ConnectionRefusal(
        code: "tls_refused_by_peer", why: "the other side refused the handshake, its log says why")
    /// A resumed session whose chain is no longer remembered.
    public static let unknownSession = ConnectionRefusal(
        code: "unknown_session", why: "a TLS session was resumed whose certificate chain is not known here")
    /// An application protocol that is not served.
    public static let unknownProtocol = ConnectionRefusal(
        code: "unknown_protocol", why: "the application protocol is not served on this port")
    /// The limit of connections is reached.
    public static let tooManyConnections = ConnectionRefusal(
        code: "too_many_connections", why: "the limit of connections is reached")
    /// The listener is closing.
    public static let draining = ConnectionRefusal(code: "draining", why: "this bolt is shutting down")
    /// Nobody listens there, or the network does not lead there.
    public static let unreachable = ConnectionRefusal(code: "unreachable", why: "the address cannot be reached")

    /// Nobody was reached, for a reason that the system or the resolver gave.
    static func unreachable(_ error: any Error) -> ConnectionRefusal {
        if let failed = error as? NIOConnectionError, let last = failed.connectionErrors.last {
            return unreachable(last.error)
        }
        if let io = error as? IOError {
            return unreachable.because(String(cString: strerror(io.errnoCode)))
        }
        if case ChannelError.connectTimeout = error { return unreachable.because("no answer in time") }
        return unreachable.because(String("\(error)".prefix(120)))
    }
}

/// Judges the chains that peers present, by the one `PeerVerifier`. Synchronous and safe on every event loop.
public struct ChainJudge: Sendable {
    private let verifier: PeerVerifier
    private let now: @Sendable () -> UnixTime

    /// A judge; `now` is the clock that certificates are held against.
    public init(verifier: PeerVerifier, now: @escaping @Sendable () -> UnixTime = { UnixTime.now() }) {
        (self.verifier, self.now) = (verifier, now)
    }

    /// The peer that this chain (leaf first, DER) certifies where it acts at that end, or why not; now, where no other
    /// time is given.
    public func judge(
        _ chain: [[UInt8]], purpose: PeerPurpose, roles: Set<PrincipalRole>, at time: UnixTime? = nil
    ) -> Result<CertifiedPeer, ConnectionRefusal> {
        switch verifier.verify(chain, at: time ?? now(), purpose: purpose, roles: roles) {
        case .success(let verified): .success(CertifiedPeer(verified: verified, chain: chain))
        case .failure(let rejection): .failure(ConnectionRefusal(rejection))
        }
    }
}
