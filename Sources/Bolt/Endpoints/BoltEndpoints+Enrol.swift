internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerTransport

extension BoltEndpoints {
    /// Admits a machine that holds a token: token, then key, then the ADMIT durable, then the certificate.
    func enrol(_ body: EnrolRequest, hops: Int, _ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard (0...APILimits.forwardHopsMax).contains(hops) else {
            throw Problem(.homeUnreachable, "passed on \(hops) times: the bolts do not agree on the token's home")
        }
        do {
            let (token, csr) = try read(body)
            let labels = try NodeService.labels(body.labels)
            let answer = try await admit(body, token: token, csr: csr, labels: labels, hops: hops, request)
            metrics.add(.enrolments, ["admitted"])
            return answer
        } catch {
            metrics.add(.enrolments, ["refused"])
            let why = (error as? Problem).map { "\($0.code.rawValue): \($0.detail)" } ?? "\(error)"
            logger.notice(
                "enrolment refused",
                metadata: [
                    LogKeys.request: "\(request.requestID)", LogKeys.name: "\(body.name)", LogKeys.why: "\(why)",
                ])
            throw error
        }
    }

    private func read(_ body: EnrolRequest) throws -> (JoinToken, CertificateRequest) {
        let token: JoinToken
        do throws(IdentityError) { token = try JoinToken(body.token) } catch {
            throw Problem(.notAuthenticated, "the token cannot be read: \(error.why)")
        }
        return (token, try csr(body.csrPEM))
    }

    private func csr(_ pem: String) throws -> CertificateRequest {
        guard pem.utf8.count <= APILimits.csrBytesMax else {
            throw Problem(.tooLarge, "a certificate request has at most \(APILimits.csrBytesMax) bytes")
        }
        do throws(IdentityError) { return try CertificateRequest(pem: Array(pem.utf8)) } catch {
            throw Problem(.badRequest, "the certificate request: \(error.why)")
        }
    }

    private func admit(
        _ body: EnrolRequest, token: JoinToken, csr: CertificateRequest, labels: [Label], hops: Int,
        _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let partition = configuration.partition
        let (key, hash) = (csr.publicKey.fingerprint, token.secretHash)
        // Drafting and asking for the write are one step of the node: no other enrolment comes between.
        let (admittance, outcome) = try await node.admit(
            token: token.id, secretHash: hash, mesh: token.mesh, partition: partition, name: body.name, key: key,
            sealingKey: body.sealingKey, labels: labels, topology: topology)
        switch admittance {
        case .elsewhere(let home):
            let address = await node.read { $0.route(to: home).address }
            return try await passOn(body, home: home, address: address, hops: hops)
        case .spending(let admission):
            return try await spend(admission, csr: csr, body: body, hops: hops, request)
        case .again, .new:
            return try await certify(admittance, outcome, csr: csr, body: body, request)
        }
    }

    /// Spends a one-shot token where this bolt is its partition's primary, then admits. A repeat with the same key is
    /// given the admission that the token was spent on.
    private func spend(
        _ admission: Admission, csr: CertificateRequest, body: EnrolRequest, hops: Int, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let begun = ContinuousClock.now
        let home = configuration.partition
        while true {
            let route = await node.read { $0.route(to: home) }
            if let address = route.address {
                return try await passOn(body, home: home, address: address, hops: hops)
            }
            switch await partition.spend(admission) {
            case .spent(let admission):
                let (admittance, outcome) = try await node.admit(spent: admission)
                return try await certify(admittance, outcome, csr: csr, body: body, request)
            case .refused(let problem): throw problem
            case .elsewhere: try await holdOn(since: begun, home)
            }
        }
    }

    private func certify(
        _ admittance: Admittance, _ outcome: CommandOutcome?, csr: CertificateRequest, body: EnrolRequest,
        _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        switch admittance {
        case .again(let principal, let dots):
            let spread = await node.read { node in dots.first.map { node.machine.holders(of: $0).count + 1 } ?? 1 }
            return try await certify(
                csr, as: principal.id, sealingKey: body.sealingKey, group: principal.group,
                level: spread >= 2 ? .spread(spread) : .local, body: body, request)
        case .new(let id, let group):
            let level = try NodeService.level(outcome)
            return try await certify(
                csr, as: id, sealingKey: body.sealingKey, group: group, level: level, body: body, request)
        case .elsewhere, .spending: throw Problem(.internalError, "the token was judged twice, differently")
        }
    }

    private func certify(
        _ csr: CertificateRequest, as id: PrincipalID, sealingKey: Bytes32, group: GroupName?, level: BoltAPI.AckLevel,
        body: EnrolRequest?, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let chain: [Certificate]
        do throws(IdentityError) {
            chain = try identity.envoyIssuer.issueEnvoy(csr, principal: id, sealingKey: sealingKey)
        } catch {
            throw Problem(.badRequest, "\(error.what): \(error.why)")
        }
        logger.notice(
            "envoy certified",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.principal: "\(id)",
                LogKeys.name: "\(body?.name.text ?? "")", LogKeys.level: "\(level)",
            ])
        let (bolts, _) = await addresses()
        return try .json(
            EnrolResponse(
                certificateChainPEM: String(decoding: chain.flatMap(\.pem), as: UTF8.self),
                rootPEM: String(decoding: identity.credential.root.pem, as: UTF8.self), envoyID: id,
                partition: configuration.partition, group: group, bolts: bolts, level: level,
                claim: await register(of: id, group: group)))
    }

    /// Whose envoy it is, as it is to know from the beginning (P2); nil where no topology is in force.
    private func register(of envoy: PrincipalID, group: GroupName?) async -> Base64Bytes? {
        guard let place = board.place(of: envoy, group: group), let walk = board.walk(of: place.slice) else {
            return nil
        }
        return Base64Bytes(await partition.admission(walk))
    }

    private func passOn(
        _ body: EnrolRequest, home: PartitionName, address: String?, hops: Int
    ) async throws -> HTTPAnswer {
        guard let address, hops < APILimits.forwardHopsMax else {
            throw Problem(
                .homeUnreachable, "partition \(home), where the token is spent, has no bolt that can be asked")
        }
        let forwarded = PeerEnrolRequest(request: body, hops: hops + 1)
        let answer: PeerForwarder.Answer
        do {
            answer = try await forwarder.post(
                try APIJSON.encode(forwarded), to: Endpoint.peerEnroll.path, at: address)
        } catch let problem as Problem where problem.code == .ownerUnreachable {
            throw Problem(.homeUnreachable, "partition \(home), where the token is spent, does not answer")
        }
        let type = answer.status == 200 ? "application/json" : Problem.contentType
        var result = HTTPAnswer(status: answer.status, contentType: type, body: answer.body)
        if answer.status == 503 { result.retryAfterSeconds = 2 }
        return result
    }

    // MARK: Re-keying

    /// An envoy goes on with a new key that its old one signed. Repeating it with the same new key certifies again.
    func rekey(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let peer = request.peer, let envoy = request.principal else {
            throw Problem(.notAuthenticated, "re-keying needs an envoy's certificate")
        }
        let body = try request.decode(RekeyRequest.self)
        let csr = try csr(body.csrPEM)
        guard
            RekeyProof.isValid(
                body.proof.bytes, of: envoy.id, in: identity.credential.mesh, from: peer.tlsKey,
                to: csr.publicKey.fingerprint, sealingKey: body.sealingKey)
        else { throw Problem(.badRequest, "the proof is not the signature of both keys over the hand-on") }
        let rekey = Rekey(
            principal: envoy.id, from: peer.tlsKey, to: csr.publicKey.fingerprint, sealingKey: body.sealingKey,
            proof: body.proof.bytes)
        let outcome = try await node.rekey(envoy.id, rekey)
        return try await certify(
            csr, as: envoy.id, sealingKey: body.sealingKey, group: envoy.group, level: try NodeService.level(outcome),
            body: nil, request)
    }
}
