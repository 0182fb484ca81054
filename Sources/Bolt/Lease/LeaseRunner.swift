internal import CRDT
internal import Lease
internal import Logging
internal import Spanner
internal import SpannerStore
internal import Synchronization

/// Lets a lease say when this bolt tries to be promoted. Whether it succeeds is the partition's to decide: a lease that
/// lies costs needless failovers, never what was acknowledged (P9).
final class LeaseRunner: Sendable {
    private let service: LeaseService
    private let partition: PartitionService
    private let logger: Logger
    private let trouble: @Sendable (String?) -> Void
    private let role = Mutex(LeaseRole.ineligible)

    /// A runner for the disk that `partition` is; `trouble` is told what people should know, nil where that is over.
    /// Throws where the lease cannot be used as configured.
    init(
        _ lease: LeaseConfiguration, partition: PartitionService, logger: Logger,
        trouble: @escaping @Sendable (String?) -> Void
    ) throws(LeaseError) {
        let (identity, me) = (partition.identity, partition.own.disk)
        let engine = try lease.open(mesh: identity.mesh, partition: identity.partition, me: me)
        service = try LeaseService(
            me: me, settings: lease.settings, engine: engine, seed: UInt64.random(in: 0...UInt64.max))
        (self.partition, self.logger, self.trouble) = (partition, logger, trouble)
    }

    /// What this bolt is to its partition changed.
    func take(_ standing: PartitionStanding) {
        let next = LeaseRunner.role(of: standing, isSealed: partition.sealing.isSealed)
        let changed = role.withLock { role in
            defer { role = next }
            return role != next
        }
        if changed { service.role(next) }
    }

    /// Who may campaign: a primary, so that nobody else tries, and an open standby that holds all that is acknowledged
    /// and has room for more.
    static func role(of standing: PartitionStanding, isSealed: Bool) -> LeaseRole {
        switch standing.role {
        case .primary, .handingOver: .primary
        case .standby, .candidate:
            standing.isInSync && !standing.isForgetful && !isSealed && !standing.isDrained && !standing.isFull
                ? .standby : .ineligible
        case .waiting, .fenced: .ineligible
        }
    }

    /// Works until `stop`, or until its task is cancelled: what is held then runs out by itself.
    func run() async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.service.run() }
            for await news in service.news { await take(news) }
        }
    }

    /// Gives back what is held, so that a standby need not wait for it to run out.
    func stop() { service.stop() }

    private func take(_ news: LeaseService.News) async {
        switch news {
        case .standing(let standing):
            logger.info("lease", metadata: [LogKeys.what: "\(standing.text)"])
            let warning = await service.engine.warning()
            trouble(standing.trouble ?? warning)
        case .notification(let notification): tell(notification)
        case .tryPromotion(let token): await promote(token)
        }
    }

    private func promote(_ token: LeaseToken) async {
        var bits = SystemRandomNumberGenerator()
        let operation = OperationID(PrincipalID(high: bits.next(), low: bits.next()))
        logger.notice("the lease is this bolt's: it asks for promises")
        let resolution = await partition.operate(
            operation, .promote(.failover, expect: nil, acceptingLoss: false))
        var succeeded = false
        switch resolution {
        case .done(let epoch, _):
            succeeded = true
            logger.notice("failover: this bolt is primary", metadata: [LogKeys.what: "epoch \(epoch)"])
        case .refused(let refusal):
            logger.warning("failover refused, the lease is given back", metadata: [LogKeys.why: "\(refusal)"])
        case .report, .ask:
            logger.warning("failover undecided, the lease is given back", metadata: [LogKeys.why: "\(resolution)"])
        }
        service.tried(token, succeeded: succeeded)
    }

    private func tell(_ notification: LeaseNotification) {
        switch notification {
        case .answers: logger.notice("the lease engine answers again")
        case .silent(let why):
            logger.warning(
                "the lease engine does not answer: nobody is promoted automatically", metadata: [LogKeys.why: "\(why)"])
        case .wentBack, .endedEarly, .contradiction:
            logger.warning("the lease engine is not to be trusted", metadata: [LogKeys.why: "\(notification)"])
        case .givenBack: logger.notice("the lease was given back, so that another may try")
        }
    }
}

extension LeaseStanding {
    /// The same, where an operator should look at it.
    var trouble: String? {
        switch self {
        case .unavailable, .refused, .lost: text
        case .idle, .candidate, .holder: nil
        }
    }

    /// In words, for logs and status.
    var text: String {
        switch self {
        case .idle(let holder): "watches; held by \(holder.map { "\($0)" } ?? "nobody")"
        case .candidate(let holder): "would take it; held by \(holder.map { "\($0)" } ?? "nobody")"
        case .holder: "held here"
        case .lost(let holder): "lost to \(holder.map { "\($0)" } ?? "nobody")"
        case .unavailable(let held, let why):
            "the engine does not answer\(held ? ", held here until then" : ""): \(why)"
        case .refused(let why): "refused: \(why)"
        }
    }
}
