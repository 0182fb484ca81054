internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerTransport

/// Requests of operators on their way to the bolt that has to answer.
///
/// The chain that travels with a request proves who the operator is, not that it asked just now: so what changes a
/// partition is taken from bolts of that partition only, which could do as much by themselves. Anybody else is told
/// where to ask.
extension BoltEndpoints {
    /// Passes a request on, or says where it belongs.
    func passOn(_ request: HTTPRequestContext, to target: PartitionReport) async throws -> HTTPAnswer {
        let (bolt, address) = (target.bolt.fullName, target.bolt.address)
        guard request.hops < APILimits.forwardHopsMax else {
            throw Problem(
                .ownerUnreachable, "passed on \(request.hops) times: the bolts do not agree who has to answer")
        }
        if let sender = request.forwardedBy, sender == target.bolt.id {
            throw Problem(.ownerUnreachable, "\(bolt) passed this on to here, and here it belongs to \(bolt)")
        }
        guard target.bolt.reach != .unreachable else {
            throw Problem(
                .ownerUnreachable, "\(bolt) has to answer this, and cannot be reached from here",
                next: "start it, or ask where it can be reached: boltctl bolt show \(bolt)")
        }
        let isOurs = target.bolt.partition == configuration.partition
        guard !request.refusesForwarding, isOurs || !request.endpoint.mutates, let peer = request.peer else {
            return .elsewhere("\(bolt) has to answer this", address: address, target: request.target)
        }
        let forwarded = PeerOperatorRequest(
            operatorChainDER: peer.chain.map { Base64Bytes($0) }, endpoint: request.endpoint.rawValue,
            arguments: request.arguments, query: request.query, body: Base64Bytes(request.body),
            hops: request.hops + 1)
        let answer = try await forwarder.post(
            try APIJSON.encode(forwarded), to: Endpoint.peerOperator.path, at: address)
        let type = answer.status < 300 ? "application/json" : Problem.contentType
        var result = HTTPAnswer(status: answer.status, contentType: type, body: answer.body)
        if answer.status == 503 { result.retryAfterSeconds = 2 }
        return result
    }

    /// What another bolt passed on for an operator, who is judged here anew: by the chain, then by the roster, for the
    /// very endpoint.
    func operatorRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(PeerOperatorRequest.self)
        guard (1...APILimits.forwardHopsMax).contains(body.hops) else {
            throw Problem(.badRequest, "hops must be from 1 to \(APILimits.forwardHopsMax)")
        }
        guard body.query.count <= APILimits.forwardedItemsMax, body.arguments.count <= APILimits.forwardedItemsMax,
            body.operatorChainDER.count <= IdentityLimits.chainCountMax
        else { throw Problem(.badRequest, "more arguments, query items or certificates than a request has") }
        guard let endpoint = Endpoint(rawValue: body.endpoint), endpoint.isForwardable,
            body.arguments.count == endpoint.path.count(where: { $0 == "{" })
        else { throw Problem(.badRequest, "no request that is passed on") }
        guard let sender = request.principal, !endpoint.mutates || sender.partition == configuration.partition else {
            throw Problem(.notPermitted, "only bolts of partition \(configuration.partition) pass on what changes it")
        }
        let peer: CertifiedPeer
        switch judge.judge(body.operatorChainDER.map(\.bytes), purpose: .client, roles: [.operator]) {
        case .success(let judged): peer = judged
        case .failure(let refusal): throw Problem(.notAuthenticated, refusal.description)
        }
        let node = node
        let caller = try await Authorisation.judge(endpoint.access, peer: peer) { peer in
            await node.read { $0.machine.roster.standing(of: peer.tlsKey, as: peer.role) }
        }.get()
        guard body.body.bytes.count <= endpoint.bodyBytesMax else {
            throw Problem(.tooLarge, "a body of this endpoint has at most \(endpoint.bodyBytesMax) bytes")
        }
        var context = HTTPRequestContext(
            endpoint: endpoint, arguments: body.arguments, query: body.query, caller: caller, peer: peer,
            body: Data(body.body.bytes), requestID: request.requestID)
        (context.hops, context.forwardedBy) = (body.hops, sender.id)
        if endpoint == .envoyResults { return try await envoyResults(context) }
        if endpoint.isAboutPolicy { return try await policyRequest(context) }
        return try await endpoint.isAboutSlices ? sliceRequest(context) : partitionRequest(context)
    }
}
