internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// Where what is kept of an envoy goes.
private enum CustodyRoute: Sendable {
    /// To the bolt at this address.
    case bolt(String)
    /// Nobody reigns there, or the envoy is not known yet.
    case nobody
    /// Nobody will take it.
    case over(String)
}

extension BoltEndpoints {
    /// Keeps what a check-in brings for its owner, which cannot be reached: the envoy goes on from what it has, keeps
    /// all of it, and need not send again what is kept here. Nil where this bolt does not.
    func keep(
        _ body: IncomingCheckIn, envoy: PrincipalID, owner: PartitionName, hops: Int
    ) async throws -> HTTPAnswer? {
        // Whoever passed it on keeps it, where anybody does; the owner's own bolts wait for their primary.
        guard let custody, hops == 0, owner != configuration.partition, !readiness.isDraining else { return nil }
        let grounds = await self.grounds.grounds(of: body.key)
        if grounds.isReserveSpent || Authorisation.refusal(of: grounds.standing) != nil { return nil }
        let whole = try body.whole()
        let deposit = CustodyDeposit(
            envoy: envoy, queue: body.checked.queue, firstHeld: body.checked.firstHeld, results: body.checked.results,
            proof: Array(try APIJSON.encode(body.peer.chain.map { Base64Bytes($0) })), at: WallClock.now())
        switch await custody.keep(deposit) {
        case .success(let through):
            metrics.add(.checkIns, ["kept"])
            let receipt = CheckInReceipt(
                storedThrough: through, releaseThrough: 0, level: .local,
                epoch: whole.highest?.epoch ?? 0, register: whole.highest?.register ?? 0,
                keptBy: configuration.fullName)
            let isContested = if case .contested = grounds.standing { true } else { false }
            let word = isContested ? nil : await cover?.word(for: envoy, of: owner, holding: body.checked.policy)
            let answer = CheckInWriter.write(
                receipt, partition: owner, interval: configuration.checkInInterval, bolts: grounds.bolts.json,
                isContested: false, policy: word)
            return HTTPAnswer(status: 200, contentType: "application/json", body: answer)
        case .failure(let error) where error.code == .conflict:
            // As its owner would say it: this queue is an older copy of another.
            throw NodeService.problem(error)
        case .failure(let error):
            logger.debug("a check-in was not kept for its owner", metadata: [LogKeys.why: "\(error)"])
            return nil
        }
    }

    /// Brings what was kept here to its owner, or asks what of it may go where all was brought before.
    ///
    /// No refusal of the owner is final: chains are renewed, rosters catch up, what comes before is on its way, a disk
    /// gets room. Only where this bolt's own roster says it for good nobody will take it.
    func deliver(_ batch: CustodyBatch) async -> CustodyService.Delivery {
        let address: String
        switch await custodyRoute(of: batch.envoy) {
        case .bolt(let found): address = found
        case .nobody: return .away
        case .over(let why): return .never(why)
        }
        guard let chain = try? APIJSON.decode([Base64Bytes].self, from: Data(batch.proof)),
            let queue = QueueIncarnation(bytes: batch.queue.bytes)
        else { return .refused("it cannot be read") }
        // Where nothing is brought nothing may be said of what lies before it either.
        let firstHeld = batch.results.first.map { min(batch.firstHeld, $0.sequence) } ?? 1
        let request = PeerCheckInRequest(
            envoyChainDER: chain,
            request: CheckInRequest(
                traits: [:], queueIncarnation: queue, firstHeld: firstHeld,
                results: batch.results.map { EnvoyResult(sequence: $0.sequence, body: Base64Bytes($0.body)) }),
            hops: 1, keptAt: batch.at.milliseconds)
        let answer: PeerForwarder.Answer
        do {
            answer = try await forwarder.post(
                try APIJSON.encode(request), to: Endpoint.peerCheckIn.path, at: address)
        } catch { return .refused("\(error)") }
        guard answer.status == 200 else {
            let problem = try? APIJSON.decode(Problem.self, from: answer.body)
            return .refused(problem.map { "\($0.detail) [\($0.code.rawValue)]" } ?? "status \(answer.status)")
        }
        guard let receipt = try? APIJSON.decode(CheckInResponse.self, from: answer.body) else {
            return .refused("its answer cannot be read")
        }
        return .stored(through: receipt.storedThrough, release: receipt.releaseThrough)
    }

    private func custodyRoute(of envoy: PrincipalID) async -> CustodyRoute {
        await node.read { node -> CustodyRoute in
            let principal: Principal
            switch node.machine.roster.standing(of: envoy) {
            case .active(let known), .contested(let known, others: _), .superseded(let known): principal = known
            case .banned: return .over("the envoy is banned")
            case .removed: return .over("the envoy's admission has ended")
            case .unknown: return .nobody
            }
            let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
            guard let owner = node.owner(of: principal, partitions: partitions) else { return .nobody }
            let route = node.route(to: owner)
            guard route.isPrimary else { return .nobody }
            // After a takeover the owner may be here.
            let own = node.bolts.first { $0.id == node.machine.own.bolt }?.address
            return (route.address ?? own).map { CustodyRoute.bolt($0) } ?? .nobody
        }
    }
}
