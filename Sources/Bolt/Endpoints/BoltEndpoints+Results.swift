internal import BoltAPI
internal import Foundation
internal import Spanner
internal import SpannerStore
internal import Synchronization

extension BoltEndpoints {
    /// What an envoy has told, with every place that holds nothing: answered by the primary of its owner, wherever it
    /// was asked, of an envoy that is in force no more too. A bolt of the owner whose partition has no primary, or that
    /// must not pass it on, tells of its copy.
    func envoyResults(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireAdmitted(request)
        try await requireServing()
        let (limit, after) = (try request.limit(), try request.item("after", as: ResultCursor.self))
        let (only, raw) = (try request.item("queue", as: QueueIncarnation.self), request.query["raw"] == "true")
        let views = NodeViews(configuration: configuration)
        let (envoy, standing, picture) = try await node.read { node -> (Principal, StandingWord, PartitionPicture) in
            let envoy = try views.knownEnvoy(node, request.arguments[0])
            let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
            guard let owner = node.owner(of: envoy, partitions: partitions) else {
                throw Problem(.noPrimary, "no partition owns \(envoy.name)")
            }
            return (envoy, views.standing(node, of: envoy), try views.picture(node, of: owner))
        }
        if let holder = try holder(of: envoy, picture, request) { return try await passOn(request, to: holder) }
        let page = try await readStore { partition in
            try EnvoyResultsReader(store: partition.store.tables.results, envoy: envoy.id, raw: raw)
                .page(after: after, only: only, limit: limit)
        }
        let isPrimary = partition.board.withLock { $0.standing.reigns }
        var fresh = await freshness()
        if !isPrimary, let age = primaryAge() { fresh.ageSeconds = max(fresh.ageSeconds, age) }
        return try .json(
            EnvoyResultsResponse(
                bolt: configuration.fullName, source: isPrimary ? .owner : .standby, envoy: envoy.id, name: envoy.name,
                standing: standing, queues: page.queues, results: page.results, nextAfter: page.nextAfter,
                freshness: fresh))
    }

    /// The bolt that has to answer; nil where it is this one.
    private func holder(
        of envoy: Principal, _ picture: PartitionPicture, _ request: HTTPRequestContext
    ) throws -> PartitionReport? {
        let isOurs = picture.name == configuration.partition
        // Whoever wants to hear of this bolt alone is told what it has.
        if isOurs, request.refusesForwarding { return nil }
        if let primary = picture.reigning { return primary.bolt.fullName == configuration.fullName ? nil : primary }
        if isOurs { return nil }
        guard let some = picture.reports.first(where: \.isLive) else {
            throw Problem(
                .ownerUnreachable,
                "no bolt of partition \(picture.name), which owns \(envoy.name), can be reached from here",
                next: "boltctl partition show \(picture.name)")
        }
        return some
    }
}
