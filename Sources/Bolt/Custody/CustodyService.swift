internal import BoltAPI
internal import Dispatch
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

/// Keeps results for partitions that are away, and brings them when they are back: the one owner of the store.
///
/// What comes while a flush runs shares the next one. Nothing here permits an envoy to delete anything (P6). Nothing is
/// let go but by the owner's word that it is safe there, by the roster's that the envoy is admitted no more, or by age.
actor CustodyService {
    /// The queue that it runs on.
    nonisolated let executor = NodeExecutor(label: "bolt.custody")
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What the owner made of what was brought to it.
    enum Delivery: Sendable {
        /// It has all of the queue up to the first place, and up to the second one a loss of its disk loses nothing.
        case stored(through: UInt64, release: UInt64)
        /// It does not take it, or not now: a certificate that is over, a roster that is behind, something missing
        /// before it, a disk without room. All of that may pass.
        case refused(String)
        /// Nobody is there to be asked.
        case away
        /// Nobody will ever take it, by the roster of this bolt.
        case never(String)
    }

    private struct Waiting {
        let deposit: CustodyDeposit
        let continuation: CheckedContinuation<Result<UInt64, StoreError>, Never>
    }

    /// How far what is kept of an envoy was brought in this life of the process, and when it is its turn again.
    private struct Progress {
        /// The last result of each queue that the owner said it has.
        var brought: [QueueID: UInt64] = [:]
        var due = ContinuousClock.now
        var pause = Duration.zero
    }

    /// Time between two rounds of deliveries.
    static let interval: Duration = .seconds(1)
    /// Longest time between two deliveries of an envoy whose owner is there and does not say that it may go.
    static let pauseMax: Duration = .seconds(60)
    /// Looks between two rounds, whether it is the end.
    private static let slices = 20
    /// Envoys that a round looks at, and those of them that it does something for.
    static let (envoysPerPage, envoysPerRound) = (1000, 64)
    /// Requests for one envoy in one round.
    static let batchesPerEnvoy = 16
    /// Check-ins that wait for a flush at most.
    static let waitingMax = 4096
    /// Envoys of which it is remembered how far they are; without that all is brought again.
    static let rememberedMax = 65_536
    /// After so long a result goes: the envoy has the original.
    static let ageMaxMilliseconds: UInt64 = 7 * 24 * 60 * 60 * 1000

    private let store: CustodyStore
    private let logger: Logger
    private var waiting: [Waiting] = []
    private var isScheduled = false
    private var isEnded = false
    private var last: PrincipalID?
    private var progress: [PrincipalID: Progress] = [:]

    /// A service over a store.
    init(_ store: sending CustodyStore, logger: Logger) { (self.store, self.logger) = (store, logger) }

    // MARK: In

    /// Keeps what a check-in brings; the last result up to which all that the envoy holds of the queue is kept here,
    /// once that is durable.
    func keep(_ deposit: CustodyDeposit) async -> Result<UInt64, StoreError> {
        guard !isEnded, waiting.count < CustodyService.waitingMax else {
            return .failure(
                StoreError(
                    .full, what: "keeping results for another partition", why: "too many wait for the disk",
                    next: "the envoy keeps them until its owner is there"))
        }
        return await withCheckedContinuation { continuation in
            waiting.append(Waiting(deposit: deposit, continuation: continuation))
            guard !isScheduled else { return }
            isScheduled = true
            executor.queue.async { self.assumeIsolated { $0.flush() } }
        }
    }

    /// One flush for all that came.
    private func flush() {
        isScheduled = false
        let all = waiting
        waiting = []
        guard !all.isEmpty else { return }
        do throws(StoreError) {
            let answers = try store.keep(all.map(\.deposit))
            for (one, answer) in zip(all, answers) { one.continuation.resume(returning: answer) }
        } catch {
            for one in all { one.continuation.resume(returning: .failure(error)) }
            return tell(error)
        }
        checkpoint()
    }

    private func checkpoint() {
        do throws(StoreError) { try store.checkpointIfNeeded() } catch { tell(error) }
    }

    /// How much is kept.
    func held() -> (entries: UInt64, bytes: UInt64) { (try? store.held()) ?? (0, 0) }

    // MARK: Out

    /// Delivers until it is ended: in order for each queue, all over again from where the last round stopped.
    func run(deliver: @escaping @Sendable (CustodyBatch) async -> Delivery) async {
        while !isEnded, !Task.isCancelled {
            await pass(deliver)
            // Not to hold up the end of the process.
            for _ in 0..<CustodyService.slices where !isEnded {
                try? await Task.sleep(for: CustodyService.interval / CustodyService.slices)
            }
        }
    }

    private func pass(_ deliver: @Sendable (CustodyBatch) async -> Delivery) async {
        let page: [PrincipalID]
        do throws(StoreError) {
            page = try store.envoys(after: last, limit: CustodyService.envoysPerPage)
        } catch { return tell(error) }
        let now = ContinuousClock.now
        let due = page.filter { (progress[$0]?.due ?? now) <= now }.prefix(CustodyService.envoysPerRound)
        if due.count == CustodyService.envoysPerRound {
            last = due.last
        } else {
            last = page.count == CustodyService.envoysPerPage ? page.last : nil
        }
        for envoy in due {
            guard !isEnded else { return }
            await bring(of: envoy, deliver)
        }
    }

    /// Brings what is kept of an envoy, or asks about what was brought and may not go yet; and lets go what may.
    private func bring(of envoy: PrincipalID, _ deliver: @Sendable (CustodyBatch) async -> Delivery) async {
        let queues: [QueueID]
        do throws(StoreError) { queues = try store.queues(of: envoy) } catch { return tell(error) }
        var known = progress[envoy] ?? Progress()
        var round = Round(left: CustodyService.batchesPerEnvoy)
        for queue in queues where round.left > 0 && !round.isOver {
            await bring(queue, of: envoy, &known, &round, deliver)
            guard !isEnded else { return }
        }
        let now = WallClock.now().milliseconds
        let oldest = WallTime(milliseconds: now - min(now, CustodyService.ageMaxMilliseconds))
        do throws(StoreError) {
            if let why = round.never {
                logger.notice(
                    "results that were kept are let go",
                    metadata: [LogKeys.name: "\(envoy)", LogKeys.why: "\(why)"])
                try store.remove(envoy)
            } else {
                let old = try store.remove(of: envoy, through: round.released, before: oldest)
                if old > 0 {
                    logger.notice(
                        "results that were kept for long are let go",
                        metadata: [LogKeys.name: "\(envoy)", LogKeys.count: "\(old)"])
                }
            }
            let left = try store.queues(of: envoy)
            known.brought = known.brought.filter { left.contains($0.key) }
            remember(left.isEmpty ? nil : known, round, of: envoy)
        } catch { return tell(error) }
        checkpoint()
    }

    /// What came of one round for one envoy.
    private struct Round {
        /// Requests that may still be made.
        var left: Int
        /// What the owner said may go.
        var released: [QueueID: UInt64] = [:]
        /// Whether something has to wait that was brought.
        var waits = false
        /// Whether nobody is there to be asked any more.
        var isOver = false
        /// Why nobody will take any of it.
        var never: String?
    }

    private func bring(
        _ queue: QueueID, of envoy: PrincipalID, _ known: inout Progress, _ round: inout Round,
        _ deliver: @Sendable (CustodyBatch) async -> Delivery
    ) async {
        while round.left > 0 {
            let batch: CustodyBatch
            do throws(StoreError) {
                guard let next = try store.batch(of: envoy, queue, after: known.brought[queue] ?? 0) else { return }
                batch = next
            } catch {
                round.isOver = true
                return tell(error)
            }
            round.left -= 1
            let delivery = await deliver(batch)
            guard !isEnded else { return }
            switch delivery {
            case .stored(let through, let release):
                // An owner that lost what it had not called safe is told all of it again.
                known.brought[queue] = through
                if release > 0 { round.released[queue] = min(release, through) }
                guard let end = batch.results.last?.sequence, through >= end, end < batch.last else {
                    round.waits = round.waits || min(release, through) < batch.last
                    return
                }
            case .refused(let why):
                logger.debug(
                    "results that were kept are not taken",
                    metadata: [LogKeys.name: "\(envoy)", LogKeys.why: "\(why)"])
                known.brought[queue] = nil
                round.waits = true
                return
            case .away:
                round.isOver = true
                return
            case .never(let why):
                (round.isOver, round.never) = (true, why)
                return
            }
        }
    }

    /// Who has to wait is asked about ever more seldom: each time costs the owner a record.
    private func remember(_ known: Progress?, _ round: Round, of envoy: PrincipalID) {
        guard var known else { return progress[envoy] = nil }
        let isStill = round.waits && round.released.isEmpty
        let pause = isStill ? known.pause * 2 : CustodyService.interval
        known.pause = min(CustodyService.pauseMax, max(CustodyService.interval, pause))
        known.due = ContinuousClock.now + (round.waits ? known.pause : .zero)
        if progress.count >= CustodyService.rememberedMax, progress[envoy] == nil { progress = [:] }
        progress[envoy] = known
    }

    private func tell(_ error: StoreError) {
        logger.error("what is kept for other partitions cannot be read", metadata: [LogKeys.why: "\(error)"])
    }

    /// Ends: whoever waits is answered, nothing is written any more.
    func close() {
        guard !isEnded else { return }
        flush()
        isEnded = true
        do { try store.close() } catch { tell(error) }
    }
}
