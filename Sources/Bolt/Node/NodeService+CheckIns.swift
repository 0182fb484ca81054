internal import BoltAPI
internal import Dispatch
internal import Logging
internal import Spanner
internal import SpannerStore

extension NodeService {
    /// Stores check-ins that came together in one transaction with one flush, and answers after it.
    ///
    /// One that is refused takes nothing of the others with it.
    func commit(_ pending: [PendingCheckIn]) {
        guard !closed else { return answer(pending, .failure(Problem(.draining, "this bolt is shutting down"))) }
        guard !reserveSpent else {
            return answer(pending, .failure(NodeService.problem(NodeService.onlyReserveIsLeft)))
        }
        let begun = DispatchTime.now()
        let at = WallClock.now()
        var outcomes: [Result<CheckInReceipt, Problem>] = []
        var stored = 0
        do {
            try store.transaction { () throws(StoreError) in
                for checkIn in pending {
                    switch admitted(checkIn) {
                    case .failure(let problem): outcomes.append(.failure(problem))
                    case .success(let contested):
                        let outcome = try append(checkIn, contested: contested, at: at, stored: &stored)
                        outcomes.append(outcome)
                    }
                }
            }
        } catch {
            fail(error, "storing check-ins")
            return answer(pending, .failure(NodeService.problem(error)))
        }
        storeFull = false
        observe(.commitSeconds, since: begun)
        metrics.observe(.checkInBatch, [], Double(pending.count))
        metrics.add(.resultsStored, by: Double(stored))
        for (checkIn, outcome) in zip(pending, outcomes) {
            if case .success = outcome {
                metrics.add(.checkIns, ["stored"])
            } else {
                metrics.add(.checkIns, ["refused"])
            }
            checkIn.reply.resume(returning: outcome)
        }
    }

    private func answer(_ pending: [PendingCheckIn], _ outcome: Result<CheckInReceipt, Problem>) {
        for checkIn in pending {
            metrics.add(.checkIns, ["failed"])
            checkIn.reply.resume(returning: outcome)
        }
    }

    /// Whether the envoy is admitted in this very transaction's roster; true where it is contested.
    private func admitted(_ checkIn: PendingCheckIn) -> Result<Bool, Problem> {
        let standing = machine.roster.standing(of: checkIn.tlsKey, as: .envoy)
        if let problem = Authorisation.refusal(of: standing) { return .failure(problem) }
        guard standing.principal?.id == checkIn.envoy else {
            return .failure(Problem(.notInRoster, "the certificate names an envoy that its key was not admitted for"))
        }
        if case .contested = standing { return .success(true) }
        return .success(false)
    }

    private func append(
        _ checkIn: PendingCheckIn, contested: Bool, at: WallTime, stored: inout Int
    ) throws(StoreError) -> Result<CheckInReceipt, Problem> {
        do {
            let receipt = try store.transaction { () throws(StoreError) -> ResultReceipt in
                let through = try store.results.storedThrough(checkIn.queue)
                if checkIn.firstHeld > through + 1 {
                    // The envoy no longer has what lies before: it must not wait for ever for what nobody can send.
                    try store.results.recordBase(
                        queue: checkIn.queue, envoy: checkIn.envoy, through: checkIn.firstHeld - 1,
                        reason: "not held by the envoy", at: at)
                }
                let receipt = try store.results.append(
                    checkIn.results, queue: checkIn.queue, envoy: checkIn.envoy, received: at)
                try store.envoys.upsert([EnvoyRecord(envoy: checkIn.envoy, lastSeen: at, traits: checkIn.traits)])
                return receipt
            }
            stored += receipt.added
            return .success(CheckInReceipt(storedThrough: receipt.storedThrough, isContested: contested))
        } catch {
            switch error.code {
            case .gap, .conflict, .queueOfAnother, .tooLarge, .queueBehind, .tooManyQueues:
                return .failure(NodeService.problem(error))
            case _: throw error
            }
        }
    }

    /// A failure of the store as the API tells it.
    static func problem(_ error: StoreError) -> Problem {
        switch error.code {
        case .full:
            Problem(
                .storeFull, "the bolt's disk is full; nothing was stored",
                next: "make room on the bolt's disk; other bolts still answer")
        case .gap, .conflict, .queueOfAnother, .queueBehind:
            Problem(.conflict, "\(error.what): \(error.why)", next: error.next)
        case .tooManyQueues: Problem(.tooManyQueues, "\(error.what): \(error.why)")
        case .tooLarge: Problem(.tooLarge, "\(error.what): \(error.why)")
        case _: Problem(.storeFailure, "the bolt's disk did not take it; nothing was acknowledged")
        }
    }
}
