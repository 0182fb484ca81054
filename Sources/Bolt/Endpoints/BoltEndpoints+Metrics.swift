internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerTransport

extension BoltEndpoints {
    /// Gauges are read when somebody asks; counters were counted as things happened.
    func metricsText() async -> HTTPAnswer {
        metrics.set(
            .buildInfo, [BoltVersion.text, configuration.partition.text, configuration.name.text], to: 1)
        metrics.set(.startTime, to: Double(started.milliseconds) / 1000)
        for (use, count) in table.counts { metrics.set(.connections, [use.rawValue], to: Double(count)) }
        let metrics = metrics
        let standing = await partition.standing()
        for role in PartitionStanding.Role.allCases {
            metrics.set(.partitionRole, ["\(role)"], to: standing.role == role ? 1 : 0)
        }
        metrics.set(.partitionEpoch, to: Double(standing.epoch.number))
        metrics.set(.partitionTip, to: Double(standing.tip.position))
        metrics.set(.partitionSafe, to: Double(standing.safe))
        metrics.set(.partitionInSync, to: Double(standing.inSyncCount))
        await setSliceMetrics()
        await node.read { node in
            let roster = node.machine.roster
            metrics.set(.rosterEvents, to: Double(roster.vector.entries.reduce(0) { $0 &+ $1.counter }))
            for role in PrincipalRole.allCases {
                metrics.set(.rosterPrincipals, [role.apiText], to: Double(roster.count(role: role)))
            }
            metrics.set(.rosterConflicts, to: Double(roster.conflicts.count))
            metrics.set(.rosterBans, to: Double(Set(roster.bans.flatMap(\.keys)).count))
            let views = node.machine.peerViews
            for status in PeerStatus.allCases {
                metrics.set(.peers, [status.rawValue], to: Double(views.count { $0.status == status }))
            }
            metrics.set(.peersConverged, to: Double(views.count { $0.converged }))
            metrics.set(.gossipRounds, to: Double(node.machine.round))
            metrics.set(.runsDuplicate, to: Double(node.machine.counters.runsDuplicate))
        }
        return HTTPAnswer(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: Data(metrics.text().utf8))
    }

    private func setSliceMetrics() async {
        let own = configuration.partition
        let owned = board.geneses.reduce(0) { $0 + board.registers(of: $1).count { $0.owner == own } }
        metrics.set(.slicesOwned, to: Double(owned))
        let (left, away, here) = await partition.read { service in
            let desk = service.desk
            return (
                desk.left, desk.sources.values.count { !$0.state.isOver },
                desk.targets.values.count { !$0.state.isOver }
            )
        }
        metrics.set(.slicesLeft, to: Double(left))
        metrics.set(.handoffs, ["away"], to: Double(away))
        metrics.set(.handoffs, ["here"], to: Double(here))
        if let custody { metrics.set(.custodyBytes, to: Double(await custody.held().bytes)) }
    }
}
