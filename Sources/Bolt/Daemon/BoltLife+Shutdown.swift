internal import CRDT
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Spanner
internal import SpannerTransport

extension BoltLife {
    /// Waits for the word, then ends everything in order: readiness fails first, listeners close, requests end or are
    /// cut at the bound, links close, the store is copied back and closed. Silent peers change nothing of it.
    func untilShutdown(_ main: any Channel, _ ops: any Channel) async {
        try? await gracefulShutdown()
        await handOver()
        lease.stop()
        readiness.advance(to: .draining)
        // Those that wait for policy hold their connections.
        api.policy.drain()
        api.source.drain()
        logger.info("shutting down", metadata: [LogKeys.count: "\(table.count)"])
        dialer.stop()
        try? await main.close()
        table.quiesce()
        await drained(within: configuration.drainTimeout)
        if table.count > 0 {
            logger.notice("connections cut at the end of the drain", metadata: [LogKeys.count: "\(table.count)"])
            table.closeAll()
            await drained(within: .seconds(2))
        }
        await api.custody?.close()
        await api.cover?.close()
        await api.policy.close()
        await partition.close()
        await node.close()
        try? await ops.close()
        logger.info("shut down")
    }

    /// A primary with a standby in sync gives the partition to it first, so that its envoys do not have to wait for
    /// somebody's decision. Not taken in time, the shutdown goes on.
    private func handOver() async {
        guard await partition.read({ $0.isPaired }) else { return }
        let operation = OperationID(
            PrincipalID(high: UInt64.random(in: 0...UInt64.max), low: UInt64.random(in: 0...UInt64.max)))
        let siblings = await node.read { node in node.standings.values.map(\.standing) }
        let heir: ReplicaID
        switch HandoverHeir(await partition.standing(), siblings: siblings).disk() {
        case .success(let disk): heir = disk
        case .failure(let refusal):
            return logger.warning("the partition was not handed over", metadata: [LogKeys.why: "\(refusal)"])
        }
        switch await partition.operate(operation, .switchover(to: heir)) {
        case .done(let epoch, _):
            logger.notice("the partition was handed over", metadata: [LogKeys.epoch: "\(epoch)"])
        case .refused(let refusal):
            logger.warning("the partition was not handed over", metadata: [LogKeys.why: "\(refusal)"])
        case .ask, .report: logger.warning("whether the partition was handed over is not known")
        }
    }

    /// Waits until no connection lives, at most that long.
    private func drained(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while table.count > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(10))
            // A task that is cancelled cannot wait: it must not spin either.
            if Task.isCancelled { return }
        }
    }
}
