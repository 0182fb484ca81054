public import Identity
public import Spanner
import Synchronization

/// By what a client knows a bolt. There is no way to talk to one that was not verified.
public enum ClientTrust: Sendable {
    /// A bolt of the mesh whose roots the verifier holds.
    case mesh(PeerVerifier)
    /// A bolt of the mesh whose root key has this fingerprint: for enrolment, where only a join token pins the mesh.
    /// The bolt has to present its chain up to the root.
    case pinned(MeshID)

    /// Judges a chain (DER, leaf first) that a server presented: the partition of a bolt of the mesh.
    func judge(_ chain: [[UInt8]]) -> Result<PartitionName, PeerRejection> {
        let verifier: PeerVerifier
        switch self {
        case .mesh(let known): verifier = known
        case .pinned(let mesh):
            do {
                verifier = try PeerVerifier(pinned: mesh, presented: chain)
            } catch { return .failure(PeerRejection(.foreignCA, error.why)) }
        }
        switch verifier.verify(chain, at: .now(), purpose: .server, roles: [.bolt]) {
        case .success(let peer):
            guard case .bolt(let partition, _) = peer.role else {
                return .failure(PeerRejection(.wrongRole, "\(peer.id) is no bolt"))
            }
            return .success(partition)
        case .failure(let rejection): return .failure(rejection)
        }
    }
}

/// What a client presents: an envoy's or an operator's certificate chain and its private key.
public struct ClientCertificate: Sendable {
    /// Leaf first, DER.
    public let chain: [[UInt8]]
    /// The leaf's private key, unencrypted PEM.
    let privateKeyPEM: [UInt8]

    /// A chain and the private key that belongs to its leaf.
    public init(chain: [[UInt8]], privateKeyPEM: [UInt8]) {
        (self.chain, self.privateKeyPEM) = (chain, privateKeyPEM)
    }

    /// What a credential presents.
    public init(_ credential: TLSCredential) throws(IdentityError) {
        self.init(chain: credential.chain.map(\.der), privateKeyPEM: try credential.key.pem())
    }
}

/// Where one connection leaves who is at its other end, or why it was refused or ended, for the error that follows.
final class VerdictBox: Sendable {
    private let box = Mutex<(rejection: PeerRejection?, failure: (any Error)?)>((nil, nil))
    private let peer = Mutex<PartitionName?>(nil)

    /// The partition of the bolt at the other end, once it is verified.
    var partition: PartitionName? {
        get { peer.withLock { $0 } }
        set { peer.withLock { $0 = newValue } }
    }

    /// Why the server's certificate was refused.
    var rejection: PeerRejection? {
        get { box.withLock { $0.rejection } }
        set { box.withLock { $0.rejection = newValue } }
    }

    /// The first error of the connection: a request that finds it closed already has no other way to learn why.
    var failure: (any Error)? { box.withLock { $0.failure } }

    /// Notes an error, unless there is one.
    func note(_ error: any Error) { box.withLock { $0.failure = $0.failure ?? error } }
}
