import Identity
import NIOSSL
import Spanner
import Synchronization

/// What one connection has proved about its peer so far. Written by the TLS callback, read when the handshake is done.
final class ConnectionIdentity: Sendable {
    /// The verdict on the presented chain.
    enum Verdict: Sendable {
        /// No chain was judged: none presented, or the session was resumed.
        case none
        /// It verified.
        case certified(CertifiedPeer)
        /// It did not.
        case rejected(ConnectionRefusal)
    }

    private let state = Mutex(Verdict.none)

    /// What is known.
    var verdict: Verdict { state.withLock { $0 } }

    /// Judges a chain and keeps the verdict. True where it verified.
    func judge(_ presented: [NIOSSLCertificate], by judge: ChainJudge, purpose: PeerPurpose) -> Bool {
        // Size and number are the verifier's to judge: it names the limit that was passed.
        let chain = presented.compactMap { try? $0.toDERBytes() }
        // A server is a bolt. Which clients a protocol takes is decided when the protocol is known.
        let roles: Set<PrincipalRole> = purpose == .server ? [.bolt] : Set(PrincipalRole.allCases)
        let verdict: Verdict =
            switch judge.judge(chain, purpose: purpose, roles: roles) {
            case .success(let peer): .certified(peer)
            case .failure(let reason): .rejected(reason)
            }
        state.withLock { $0 = verdict }
        if case .certified = verdict { return true }
        return false
    }
}

/// Chains that verified once, by their leaf: a resumed TLS session shows only the leaf, and must be judged anew.
final class RememberedChains: Sendable {
    private struct State {
        var chains: [[UInt8]: [[UInt8]]] = [:]
        var order: [[UInt8]] = []
        var next = 0
    }

    private let state = Mutex(State())

    /// Keeps a chain, in place of the oldest where the limit is reached.
    func keep(_ chain: [[UInt8]]) {
        guard let leaf = chain.first else { return }
        state.withLock { state in
            guard state.chains.updateValue(chain, forKey: leaf) == nil else { return }
            guard state.order.count >= TransportLimits.rememberedChainsMax else {
                state.order.append(leaf)
                return
            }
            state.chains[state.order[state.next]] = nil
            state.order[state.next] = leaf
            state.next = (state.next + 1) % TransportLimits.rememberedChainsMax
        }
    }

    /// The chain of a leaf that verified before.
    func chain(of leaf: [UInt8]) -> [[UInt8]]? { state.withLock { $0.chains[leaf] } }
}
