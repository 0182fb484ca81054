import BoltAPI
import Foundation
import Identity
import Spanner

/// Builds and signs an operator's decisions. The bolts never see the key.
struct ActSigner {
    let mesh: MeshID
    let chain: [[UInt8]]
    let key: SigningKey

    /// Signs as an operator.
    init(_ identity: OperatorIdentity) {
        (mesh, key) = (identity.credential.mesh, identity.signingKey)
        chain = identity.credential.chain.map(\.der)
    }

    /// Signs as the root: the first entries of a mesh.
    init(root: Certificate, key: SigningKey) {
        (mesh, self.key) = (root.meshID, key)
        chain = [root.der]
    }

    /// The decision, with a fresh nonce, signed.
    func sign(_ operation: OperatorAct.Operation, reason: String) throws -> SignedAct {
        guard reason.utf8.count <= RosterLimits.reasonBytesMax else {
            throw CommandFailure(
                "reason_too_long", "--reason takes at most \(RosterLimits.reasonBytesMax) bytes", status: .usage)
        }
        let act = OperatorAct(
            mesh: mesh, nonce: try RandomID.principal(), at: WallTime.now, reason: reason, operation: operation)
        let content = ActCodec.encode(act)
        return SignedAct(content: content, chain: chain, signature: key.sign(ActCodec.message(for: content)))
    }
}

/// Random identifiers.
enum RandomID {
    static func principal() throws -> PrincipalID {
        guard let id = PrincipalID(bytes: Sodium.randomBytes(PrincipalID.count)) else {
            throw CommandFailure("no_randomness", "the system gave no random bytes")
        }
        return id
    }
}

extension WallTime {
    /// The time by this machine's clock.
    static var now: WallTime { WallTime(milliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1000))) }
}
