internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

extension BoltEndpoints {
    static let drainedText = "an operator has this bolt serve nobody; boltctl bolt undrain ends that"

    /// A bolt is to serve nobody, or serves again: the word is its own, kept beside its roster.
    func drainBolt(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let parts = request.arguments[0].split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, BoltName(parts[0]) != nil, let name = PartitionName(parts[1]) else {
            throw Problem(.badRequest, "a bolt is named as NAME.PARTITION", next: "boltctl bolt list")
        }
        let (bolt, views) = (request.arguments[0], views)
        let picture = try await node.read { try views.picture($0, of: name) }
        guard let report = picture.reports.first(where: { $0.bolt.fullName == bolt }) else {
            throw Problem(.notFound, "partition \(name) has no bolt “\(bolt.prefix(128))”", next: "boltctl bolt list")
        }
        guard bolt == configuration.fullName else { return try await passOn(request, to: report) }
        let body = try request.decode(DrainBoltRequest.self)
        let reason = try checked(reason: body.reason)
        let isDrain = request.endpoint == .drainBolt
        let others = picture.reports.filter { $0.bolt.fullName != bolt }
        let candidates = others.filter { other in
            guard other.isLive, let standing = other.standing else { return false }
            return standing.isInSync && !standing.isSealed && !standing.isDrained
        }.map(\.bolt.fullName).sorted()
        if isDrain, candidates.isEmpty {
            throw Problem(
                .lastBolt, "no other bolt of \(name) is in sync, unsealed and not drained; nothing was changed",
                next: "boltctl partition show \(name)")
        }
        let reigns = await partition.read { $0.machine.role.reigns }
        let effects = BoltEndpoints.effects(of: isDrain, bolt, name, reigns: reigns)
        guard !request.isDryRun else {
            return try .json(
                DrainBoltResponse(
                    bolt: bolt, isDrained: isDrain, primary: picture.reigning?.bolt.fullName, candidates: candidates,
                    envoys: table.count(of: .envoy), level: .local, dryRun: true, effects: effects))
        }
        try await keep(drained: isDrain)
        if isDrain, reigns { try await handOver(body.operation, picture) }
        await note(isDrain ? .boltDrained : .boltUndrained, of: bolt, reason: reason, waiting: .brief, request)
        logger.notice(
            isDrain ? "this bolt serves nobody from now on" : "this bolt serves again",
            metadata: [LogKeys.request: "\(request.requestID)", LogKeys.why: "\(reason)"])
        let after = (try? await node.read { try views.picture($0, of: name) }) ?? picture
        return try .json(
            DrainBoltResponse(
                bolt: bolt, isDrained: isDrain, primary: after.reigning?.bolt.fullName, candidates: candidates,
                envoys: table.count(of: .envoy), level: .local, dryRun: false, effects: effects))
    }

    private static func effects(of isDrain: Bool, _ bolt: String, _ name: PartitionName, reigns: Bool) -> [String] {
        guard isDrain else { return ["\(bolt) serves again, and may be chosen as primary of \(name)"] }
        var effects = ["\(bolt) leaves the lists that envoys are given, and its readiness fails"]
        if reigns { effects.append("another bolt of \(name) becomes primary") }
        return effects
    }

    /// Keeps the word before it is acted upon: a restart does not end it.
    private func keep(drained: Bool) async throws {
        do {
            try await node.read { try $0.keep(drained: drained) }
        } catch let error as StoreError { throw NodeService.problem(error) }
        await partition.drain(drained)
    }

    /// Hands the reign over; where that is refused the bolt serves as before.
    private func handOver(_ operation: OperationID, _ picture: PartitionPicture) async throws {
        let words = PartitionWords(picture: picture, bolt: configuration.fullName)
        let heir = HandoverHeir(await partition.standing(), siblings: picture.reports.compactMap(\.standing))
        let target: ReplicaID
        switch heir.disk() {
        case .success(let disk): target = disk
        case .failure(let refusal):
            try await keep(drained: false)
            throw words.problem(handover: refusal)
        }
        let partition = partition
        let end = Task { await partition.operate(operation, .switchover(to: target)) }
        let resolution = await FirstAnswer<PartitionResolution?>.within(BoltEndpoints.operationWait, else: nil) {
            await end.value
        }
        if case .refused(let refusal) = resolution {
            try await keep(drained: false)
            throw words.problem(refusal)
        }
    }
}

extension NodeService {
    private static let drainedKey = "drained"

    /// Whether an operator had this bolt serve nobody, in this life or an earlier one.
    var isKeptDrained: Bool { ((try? store.meta.value(NodeService.drainedKey)) ?? nil) == [1] }

    /// Keeps it. Durable when this returns.
    func keep(drained: Bool) throws(StoreError) {
        try store.meta.set(NodeService.drainedKey, to: drained ? [1] : nil)
    }
}

extension PartitionService {
    /// Says whether this bolt serves nobody, to everybody.
    func drain(_ isDrained: Bool) {
        guard self.isDrained != isDrained else { return }
        self.isDrained = isDrained
        if publish != nil { tellStanding(always: true) }
    }
}
