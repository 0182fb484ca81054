public import Identity
internal import Synchronization

/// Gets an agent a new certificate while it goes on with the old one.
public protocol CertificateRenewal: Sendable {
    /// From when until when the certificate in use is valid.
    var validity: Validity { get }
    /// Asks the bolts at these addresses in turn; when it returns, the new one is on disk and in use. Throws where none
    /// gave one: the old one stays.
    func renew(at addresses: [String]) async throws -> Validity
}

/// The renewal of an enrolled envoy: a new key, signed on by the old one, and the port that shows it from then on.
public final class IdentityRenewal: CertificateRenewal {
    private let directory: EnvoyDirectory
    private let port: BoltPort
    private let present: Mutex<Validity>

    /// The renewal of the envoy in `directory`, whose certificate `port` shows.
    public init(directory: EnvoyDirectory, credential: TLSCredential, port: BoltPort) {
        (self.directory, self.port) = (directory, port)
        present = Mutex(credential.own.validity)
    }

    /// That of the certificate in use.
    public var validity: Validity { present.withLock { $0 } }

    /// A change of key, and the port's exchange.
    public func renew(at addresses: [String]) async throws -> Validity {
        _ = try await Rekeyer(directory: directory).rekey(at: addresses)
        let credential = try EnvoyIdentity.load(directory: directory.identityPath).credential
        try port.exchange(for: credential)
        present.withLock { $0 = credential.own.validity }
        return credential.own.validity
    }
}
