internal import BoltAPI
internal import Dispatch
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

/// Keeps check-ins for partitions that are away, and delivers them when they are back: the one owner of the store.
///
/// What comes while a flush runs shares the next one. Nothing here permits an envoy to delete anything (P6).
actor CustodyService {
    /// The queue that it runs on.
    nonisolated let executor = NodeExecutor(label: "bolt.custody")
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What the owner made of a check-in that was kept for it.
    enum Delivery: Sendable {
        /// It has it.
        case taken
        /// Not now: what comes before it is missing there, or nobody answers.
        case later
        /// It never will be: the envoy is not admitted, or the request is no request.
        case never(String)
    }

    private struct Waiting {
        let deposit: CustodyDeposit
        let continuation: CheckedContinuation<Result<UInt64, StoreError>, Never>
    }

    /// Time between two rounds of deliveries.
    static let interval: Duration = .seconds(1)
    /// Looks between two rounds, whether it is the end.
    private static let slices = 20
    /// Envoys of one round.
    static let envoysPerRound = 64
    /// Entries of one envoy in one round.
    static let entriesPerEnvoy = 16
    /// Entries that wait for a flush at most.
    static let waitingMax = 4096
    /// After so long an entry goes: the envoy has the original.
    static let ageMaxMilliseconds: UInt64 = 7 * 24 * 60 * 60 * 1000

    private let store: CustodyStore
    private let logger: Logger
    private var waiting: [Waiting] = []
    private var isScheduled = false
    private var isEnded = false
    private var last: PrincipalID?

    /// A service over a store.
    init(_ store: sending CustodyStore, logger: Logger) { (self.store, self.logger) = (store, logger) }

    // MARK: In

    /// Keeps a check-in; the last result of its queue that is kept here, once that is durable.
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
            try store.keep(all.map(\.deposit))
        } catch {
            // One too many takes none of the others with it.
            for one in all { one.continuation.resume(returning: alone(one.deposit, after: error, of: all.count)) }
            return
        }
        for one in all { one.continuation.resume(returning: through(one.deposit.queue)) }
        do throws(StoreError) { try store.checkpointIfNeeded() } catch { tell(error) }
    }

    private func through(_ queue: QueueID) -> Result<UInt64, StoreError> {
        do throws(StoreError) { return .success(try store.through(queue)) } catch { return .failure(error) }
    }

    private func alone(
        _ deposit: CustodyDeposit, after error: StoreError, of count: Int
    ) -> Result<UInt64, StoreError> {
        guard count > 1, !error.endsTheHandle else { return .failure(error) }
        do throws(StoreError) {
            try store.keep([deposit])
            return .success(try store.through(deposit.queue))
        } catch { return .failure(error) }
    }

    /// How much is kept.
    func held() -> (entries: UInt64, bytes: UInt64) { (try? store.held()) ?? (0, 0) }

    // MARK: Out

    /// Delivers until it is ended: in order for each envoy, all over again from where the last round stopped.
    func run(deliver: @escaping @Sendable (CustodyEntry) async -> Delivery) async {
        while !isEnded, !Task.isCancelled {
            await pass(deliver)
            // Not to hold up the end of the process.
            for _ in 0..<CustodyService.slices where !isEnded {
                try? await Task.sleep(for: CustodyService.interval / CustodyService.slices)
            }
        }
    }

    private func pass(_ deliver: @Sendable (CustodyEntry) async -> Delivery) async {
        let envoys: [PrincipalID]
        do throws(StoreError) {
            envoys = try store.envoys(after: last, limit: CustodyService.envoysPerRound)
        } catch { return tell(error) }
        last = envoys.count < CustodyService.envoysPerRound ? nil : envoys.last
        for envoy in envoys {
            guard !isEnded else { return }
            await bring(of: envoy, deliver)
        }
    }

    private func bring(of envoy: PrincipalID, _ deliver: @Sendable (CustodyEntry) async -> Delivery) async {
        let entries: [CustodyEntry]
        do throws(StoreError) {
            entries = try store.entries(of: envoy, limit: CustodyService.entriesPerEnvoy)
        } catch { return tell(error) }
        for entry in entries {
            let delivery = await deliver(entry)
            guard !isEnded else { return }
            do throws(StoreError) {
                switch delivery {
                case .taken: try store.remove(entry)
                case .never(let why):
                    logger.notice(
                        "a check-in that was kept is let go",
                        metadata: [LogKeys.name: "\(envoy)", LogKeys.why: "\(why)"])
                    try store.remove(entry)
                case .later:
                    let now = WallClock.now().milliseconds
                    guard now > entry.at.milliseconds,
                        now - entry.at.milliseconds > CustodyService.ageMaxMilliseconds
                    else { return }
                    try store.remove(entry)
                }
            } catch { return tell(error) }
        }
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
