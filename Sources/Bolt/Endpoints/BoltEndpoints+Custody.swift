internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

extension BoltEndpoints {
    /// Keeps a check-in for its owner, which cannot be reached: the envoy goes on from what it has, keeps all of it,
    /// and need not send again what is kept here. Nil where this bolt does not.
    func keep(
        _ body: IncomingCheckIn, peer: CertifiedPeer, envoy: PrincipalID, owner: PartitionName, hops: Int
    ) async throws -> HTTPAnswer? {
        // Whoever passed it on keeps it, where anybody does; the owner's own bolts wait for their primary.
        guard let custody, hops == 0, owner != configuration.partition, !readiness.isDraining else { return nil }
        let grounds = await self.grounds.grounds(of: peer)
        if grounds.isReserveSpent || Authorisation.refusal(of: grounds.standing) != nil { return nil }
        let whole = try body.whole()
        let request = PeerCheckInRequest(
            envoyChainDER: peer.chain.map { Base64Bytes($0) }, request: whole, hops: 1)
        let deposit = CustodyDeposit(
            envoy: envoy, queue: body.checked.queue, through: body.checked.results.last?.sequence ?? 0,
            at: WallClock.now(), request: Array(try APIJSON.encode(request)))
        switch await custody.keep(deposit) {
        case .success(let through):
            metrics.add(.checkIns, ["kept"])
            // What lies before the first held was released by the owner itself.
            let before = whole.firstHeld > 0 ? whole.firstHeld - 1 : 0
            let receipt = CheckInReceipt(
                storedThrough: max(through, before), releaseThrough: 0, level: .local,
                epoch: whole.highest?.epoch ?? 0, register: whole.highest?.register ?? 0)
            let answer = CheckInWriter.write(
                receipt, partition: owner, interval: configuration.checkInInterval, bolts: grounds.bolts,
                isContested: false)
            return HTTPAnswer(status: 200, contentType: "application/json", body: answer)
        case .failure(let error):
            logger.debug("a check-in was not kept for its owner", metadata: [LogKeys.why: "\(error)"])
            return nil
        }
    }

    /// Brings a check-in that was kept here to its owner.
    func deliver(_ entry: CustodyEntry) async -> CustodyService.Delivery {
        let envoy = entry.envoy
        let (isAdmitted, address): (Bool, String?) = await node.read { node in
            guard let principal = node.machine.roster.principal(envoy) else { return (false, nil) }
            let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
            guard let owner = node.owner(of: principal, partitions: partitions) else { return (true, nil) }
            let route = node.route(to: owner)
            guard route.isPrimary else { return (true, nil) }
            // After a takeover the owner may be here.
            let own = node.bolts.first { $0.id == node.machine.own.bolt }?.address
            return (true, route.address ?? own)
        }
        guard isAdmitted else { return .never("the envoy is not admitted any more") }
        guard let address else { return .later }
        let answer: PeerForwarder.Answer
        do {
            answer = try await forwarder.post(Data(entry.request), to: Endpoint.peerCheckIn.path, at: address)
        } catch { return .later }
        switch answer.status {
        case 200: return .taken
        // What comes before it may be with another bolt, or still with the envoy.
        case 409, 429, 500...599: return .later
        case let status:
            let problem = try? APIJSON.decode(Problem.self, from: answer.body)
            return .never(problem?.detail ?? "status \(status)")
        }
    }
}
