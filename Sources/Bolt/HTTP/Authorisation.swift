internal import BoltAPI
internal import Spanner
internal import SpannerTransport

/// Who may use an endpoint: the role of the verified certificate, then the roster now. Asked with every request.
enum Authorisation {
    /// Whom a request is from, once that is judged.
    enum Caller: Sendable {
        /// Nobody in particular.
        case anyone
        /// An admitted principal with the certificate that it showed.
        case principal(Principal, CertifiedPeer, contested: Bool)
    }

    /// The caller, or why it may not. `standing` is asked only where the role fits.
    static func judge(
        _ access: Access, peer: CertifiedPeer?, standing: (CertifiedPeer) async -> Standing
    ) async -> Result<Caller, Problem> {
        let role: PrincipalRole
        switch access {
        case .anyone, .tokenHolder, .secretHolder: return .success(.anyone)
        case .envoy: role = .envoy
        case .bolt: role = .bolt
        case .operator: role = .operator
        }
        guard let peer else {
            return .failure(Problem(.notAuthenticated, "this needs a client certificate of the role \(role)"))
        }
        guard peer.role == role else {
            return .failure(
                Problem(.notPermitted, "this is for the role \(role), the certificate is of an \(peer.role)"))
        }
        let standing = await standing(peer)
        if let problem = refusal(of: standing) { return .failure(problem) }
        guard let principal = standing.principal else {
            return .failure(Problem(.notInRoster, "the certificate's key is not in the roster"))
        }
        var contested = false
        if case .contested = standing { contested = true }
        // A contested bolt or operator could be either of two: neither acts until an operator resolved it.
        if contested, role != .envoy {
            return .failure(Problem(.notPermitted, "the name \(principal.name) is contested by another key"))
        }
        if case .operator(let needed) = access, rank(of: principal) < needed {
            return .failure(
                Problem(
                    .notPermitted,
                    "this needs the rank \(needed.rawValue), \(principal.name) is \(rank(of: principal).rawValue)"))
        }
        return .success(.principal(principal, peer, contested: contested))
    }

    /// A refusal as it is told. Of a bolt that passes something on it is not told as of whoever asked that bolt: an
    /// admitted envoy must not hear that its own admission has ended, but to ask another bolt.
    static func said(_ problem: Problem, of access: Access) -> Problem {
        guard case .bolt = access, [.removed, .banned].contains(problem.code) else { return problem }
        return Problem(.boltRemoved, "the bolt that passed this on is no longer admitted: \(problem.detail)")
    }

    /// Why a key in this standing may do nothing; nil where it may.
    static func refusal(of standing: Standing) -> Problem? {
        switch standing {
        case .active, .contested: nil
        case .superseded: Problem(.removed, "the key was handed on to another; use the new one")
        case .removed: Problem(.removed, "the admission of this key has ended")
        case .banned(let fact): Problem.banned(reason: fact.reason)
        case .unknown: Problem(.notInRoster, "the certificate's key is not in the roster of this bolt")
        }
    }

    /// An operator's rank: what its admission says, `admin` where it says nothing, `viewer` where it says nonsense.
    static func rank(of principal: Principal) -> OperatorRank {
        guard let label = principal.labels.first(where: { $0.key == OperatorRank.labelKey }) else { return .admin }
        return OperatorRank(rawValue: label.value) ?? .viewer
    }
}
