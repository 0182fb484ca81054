import BoltAPI
import CRDT
import SpannerTransport
import Testing

@testable import Bolt
@testable import Identity
@testable import Spanner

/// S5: the matrix of callers and endpoints, generated from the closed table; every cell is asserted.
@Suite struct AuthorisationTests {
    /// Who asks, as certificate and roster have it.
    enum Asker: CaseIterable, Sendable {
        case nobody, envoy, bolt, viewer, operatorRank, admin
        case unknownEnvoy, removedEnvoy, bannedEnvoy, supersededEnvoy, contestedEnvoy
        case unknownBolt, removedBolt, bannedBolt, contestedBolt
        case unknownOperator, removedOperator, bannedOperator, contestedOperator

        var role: PrincipalRole? {
            switch self {
            case .nobody: nil
            case .envoy, .unknownEnvoy, .removedEnvoy, .bannedEnvoy, .supersededEnvoy, .contestedEnvoy: .envoy
            case .bolt, .unknownBolt, .removedBolt, .bannedBolt, .contestedBolt: .bolt
            case .viewer, .operatorRank, .admin, .unknownOperator, .removedOperator, .bannedOperator,
                .contestedOperator:
                .operator
            }
        }

        var rank: OperatorRank? {
            switch self {
            case .viewer: .viewer
            case .operatorRank: .operator
            case .admin: .admin
            case _: nil
            }
        }

        /// Whether it is in force, without a contest.
        var isInForce: Bool {
            switch self {
            case .envoy, .bolt, .viewer, .operatorRank, .admin: true
            case _: false
            }
        }

        var standing: Standing {
            var principal = AuthorisationTests.principal(role ?? .envoy, labels: [])
            if let rank {
                let label = Label(key: OperatorRank.labelKey, value: rank.rawValue)
                principal = AuthorisationTests.principal(.operator, labels: [label])
            }
            switch self {
            case .nobody, .unknownEnvoy, .unknownBolt, .unknownOperator: return .unknown
            case .envoy, .bolt, .viewer, .operatorRank, .admin: return .active(principal)
            case .removedEnvoy, .removedBolt, .removedOperator: return .removed(principal.id)
            case .supersededEnvoy: return .superseded(principal)
            case .contestedEnvoy, .contestedBolt, .contestedOperator: return .contested(principal, others: [])
            case .bannedEnvoy, .bannedBolt, .bannedOperator:
                return .banned(
                    BanFact(
                        act: .zero, keys: [principal.tlsKey], principal: principal.id, reason: "test",
                        at: WallTime(milliseconds: 0), signer: .root, carriers: []))
            }
        }
    }

    /// What the contract says, written down apart from the code: nil is allowed, else the status.
    private func expected(_ endpoint: Endpoint, _ asker: Asker) -> Int? {
        let role: PrincipalRole
        switch endpoint.access {
        case .anyone, .tokenHolder, .secretHolder: return nil
        case .envoy: role = .envoy
        case .bolt: role = .bolt
        case .operator: role = .operator
        }
        guard asker != .nobody else { return 401 }
        guard asker.role == role else { return 403 }
        if asker == .contestedEnvoy { return nil }
        guard asker.isInForce else { return 403 }
        if case .operator(let needed) = endpoint.access, let rank = asker.rank, rank < needed { return 403 }
        return nil
    }

    @Test(arguments: Endpoint.allCases)
    func everyCellOfTheMatrix(_ endpoint: Endpoint) async throws {
        for asker in Asker.allCases {
            let peer = try asker.role.map { try AuthorisationTests.peer($0) }
            let verdict = await Authorisation.judge(endpoint.access, peer: peer) { _ in asker.standing }
            switch (verdict, expected(endpoint, asker)) {
            case (.success, nil): break
            case (.failure(let problem), let status?): #expect(problem.status == status, "\(endpoint) \(asker)")
            case (.success, _?): Issue.record("\(asker) may use \(endpoint)")
            case (.failure(let problem), nil): Issue.record("\(asker) may not use \(endpoint): \(problem.detail)")
            }
        }
    }

    /// The only endpoints of the main listener without a client certificate are enrolment and health, and the one that
    /// a git forge tells of pushes, by a signature.
    @Test func onlyEnrolmentHealthAndTheWebhookAreOpen() async {
        var open: [Endpoint] = []
        for endpoint in Endpoint.allCases where endpoint.listener == .main {
            if case .success = await Authorisation.judge(endpoint.access, peer: nil, standing: { _ in .unknown }) {
                open.append(endpoint)
            }
        }
        #expect(Set(open) == [.enroll, .health, .healthHead, .policyWebhook])
    }

    /// An operator whose label says nonsense reads only.
    @Test func aRankThatIsNoWordIsTheLowest() {
        let label = Label(key: OperatorRank.labelKey, value: "emperor")
        #expect(Authorisation.rank(of: AuthorisationTests.principal(.operator, labels: [label])) == .viewer)
        #expect(Authorisation.rank(of: AuthorisationTests.principal(.operator, labels: [])) == .admin)
    }

    private static let id = PrincipalID(high: 1, low: 2)

    static func principal(_ role: PrincipalRole, labels: [Label]) -> Principal {
        Principal(
            role: role, id: id, name: named, tlsKey: KeyFingerprint(.zero),
            signingKey: nil, sealingKey: nil, partition: nil, group: nil, address: nil, labels: labels, token: nil,
            admissions: [], amendments: [])
    }

    /// A bolt's label is a host name too: made without a text that could fail.
    private static let named: PrincipalName = {
        guard let name = PrincipalName("web-1") else { preconditionFailure("web-1 is a name") }
        return name
    }()

    private static func peer(_ role: PrincipalRole) throws -> CertifiedPeer {
        let east = PartitionName(checked: "east")
        let domain = try #require(TrustDomain("acme"))
        let (verifiedRole, subject): (VerifiedPeer.Role, SPIFFEID.Subject) =
            switch role {
            case .bolt:
                (.bolt(east, BoltName(checked: "b1")), .bolt(east, BoltName(checked: "b1")))
            case .envoy: (.envoy(east, id), .envoy(east, id))
            case .operator:
                (.operator(OperatorName(checked: "alice")), .operator(OperatorName(checked: "alice")))
            }
        let always = Validity(notBefore: UnixTime(seconds: 0), notAfter: UnixTime(seconds: 1))
        let verified = VerifiedPeer(
            role: verifiedRole, id: SPIFFEID(domain, subject), fingerprint: KeyFingerprint(.zero), signingKey: nil,
            sealingKey: nil, notAfter: always.notAfter, validity: always, leaf: [])
        return CertifiedPeer(verified: verified, chain: [])
    }
}

extension AuthorisationTests {
    /// A removed bolt that ran on handed its own refusal to admitted envoys, as theirs: enrol again, it said.
    @Test("S2: a forwarding bolt's refusal is not told as that of whoever asked it")
    func aRefusalOfTheForwarderIsNotTheEnvoys() {
        for problem in [Problem(.removed, "the admission of this key has ended"), Problem.banned(reason: "stolen")] {
            let said = Authorisation.said(problem, of: .bolt)
            #expect(said.code == .boltRemoved && said.status == 503 && !said.changed)
            #expect(Authorisation.said(problem, of: .envoy) == problem)
        }
        let other = Problem(.notPermitted, "this is for the role bolt")
        #expect(Authorisation.said(other, of: .bolt) == other)
    }
}
