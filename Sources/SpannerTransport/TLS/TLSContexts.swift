import Identity
import NIOCore
import NIOSSL

/// One identity ready for TLS 1.3, as server and as client. Made once; contexts are shared by all connections.
public struct TLSContexts: Sendable {
    let server: NIOSSLContext
    let peerClient: NIOSSLContext
    let httpClient: NIOSSLContext
    let remembered = RememberedChains()

    /// Contexts for a certificate chain (leaf first, DER) and its key (PEM). Throws what NIOSSL says of bad material.
    public init(chain: [[UInt8]], privateKeyPEM: [UInt8]) throws {
        try self.init(chain: chain, key: try NIOSSLPrivateKey(bytes: privateKeyPEM, format: .pem))
    }

    init(chain: [[UInt8]], key: NIOSSLPrivateKey) throws {
        let certificates = try chain.map { bytes in
            NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: bytes, format: .der))
        }
        let key = NIOSSLPrivateKeySource.privateKey(key)
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: certificates, privateKey: key)
        configuration.certificateVerification = .optionalVerification
        // Trust is the judge's alone: BoringSSL's own verification is replaced by it.
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = [ApplicationProtocol.peer, ApplicationProtocol.http]
        server = try NIOSSLContext(configuration: TLSContexts.strict(configuration))
        peerClient = try TLSContexts.client(certificates, key, protocol: ApplicationProtocol.peer)
        httpClient = try TLSContexts.client(certificates, key, protocol: ApplicationProtocol.http)
    }

    private static func client(
        _ certificates: [NIOSSLCertificateSource], _ key: NIOSSLPrivateKeySource, protocol name: String
    ) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = certificates
        configuration.privateKey = key
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.applicationProtocols = [name]
        return try NIOSSLContext(configuration: strict(configuration))
    }

    private static func strict(_ configuration: TLSConfiguration) -> TLSConfiguration {
        var configuration = configuration
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        configuration.shutdownTimeout = TransportLimits.closeTimeout
        configuration.renegotiationSupport = .none
        return configuration
    }

    func serverHandler(_ identity: ConnectionIdentity, judge: ChainJudge) -> NIOSSLServerHandler {
        let remembered = remembered
        return NIOSSLServerHandler(
            context: server,
            customVerificationCallback: { presented, promise in
                let good = identity.judge(presented, by: judge, purpose: .client)
                if good, case .certified(let peer) = identity.verdict { remembered.keep(peer.chain) }
                promise.succeed(good ? .certificateVerified : .failed)
            }, configuration: TLSContexts.handlerConfiguration)
    }

    func clientHandler(
        _ identity: ConnectionIdentity, judge: ChainJudge, peerLink: Bool
    ) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(
            context: peerLink ? peerClient : httpClient, serverHostname: nil,
            customVerificationCallback: { presented, promise in
                let good = identity.judge(presented, by: judge, purpose: .server)
                promise.succeed(good ? .certificateVerified : .failed)
            }, configuration: TLSContexts.handlerConfiguration)
    }

    /// The leaf of a resumed session is judged with the chain that it came with the first time.
    func judgeResumed(
        _ leaf: NIOSSLCertificate, identity: ConnectionIdentity, judge: ChainJudge
    ) -> ConnectionIdentity.Verdict {
        guard let bytes = try? leaf.toDERBytes(), let chain = remembered.chain(of: bytes),
            let certificates = try? chain.map({ try NIOSSLCertificate(bytes: $0, format: .der) })
        else { return .rejected(.unknownSession) }
        _ = identity.judge(certificates, by: judge, purpose: .client)
        return identity.verdict
    }

    private static var handlerConfiguration: NIOSSLHandler.Configuration {
        var configuration = NIOSSLHandler.Configuration()
        // Thousands of idle envoys: a large answer must not leave its buffer behind on each connection.
        configuration.maximumPreservedOutboundBufferCapacity = 32 * 1024
        return configuration
    }
}
