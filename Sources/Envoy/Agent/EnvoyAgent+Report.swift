internal import BoltAPI
internal import BoltClient
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

extension EnvoyAgent {
    /// One report of one queue to one bolt, and what the machine is to hear of it.
    func report(
        _ id: QueueID, after: UInt64, to address: String
    ) async throws(StoreError) -> EnvoyMachine.Event {
        let batch = try queue.batch(
            of: id, after: after, itemsMax: EnvoyLimits.batchItemsMax, bytesMax: EnvoyLimits.batchBytesMax)
        guard let incarnation = QueueIncarnation(bytes: id.bytes) else {
            preconditionFailure("a queue id of \(id.bytes.count) bytes")
        }
        let request = CheckInRequest(
            traits: traits, queueIncarnation: incarnation, firstHeld: batch.firstHeld,
            results: batch.records.map { EnvoyResult(sequence: $0.sequence, body: Base64Bytes($0.body)) },
            heldDigest: desk?.held == nil ? nil : desk?.sight.accepted?.leaf,
            policySequence: desk?.sight.accepted?.sequence,
            highest: OwnerMark(
                register: sight.fence.register, epoch: sight.fence.epoch, hash: sight.freshness?.register.hash))
        let response: CheckInResponse
        do {
            response = try await port.checkIn(request, at: address)
        } catch {
            return failed(error, at: address)
        }
        // Callers may have queued more while the bolt was asked: the answer is judged by what is held now.
        try tellHeld()
        let report = ToldReport(batch, after: after)
        return try await answered(response, to: report, at: address)
    }

    private func answered(
        _ response: CheckInResponse, to report: ToldReport, at address: String
    ) async throws(StoreError) -> EnvoyMachine.Event {
        var judged = sight
        let verdict: OwnerSight.Verdict
        do throws(OwnerSight.Refusal) {
            verdict = try judged.judge(
                number: response.register, epoch: response.epoch, voucher: try OwnerTrust.voucher(of: response),
                from: port.partition(at: address), mesh: trust.mesh, witness: trust.witness)
        } catch {
            return refused(error, response, at: address)
        }
        if judged != sight {
            try memory.remember(judged)
            sight = judged
        }
        guard case .obey(let authority) = verdict else {
            // It proved whose the slice was later, and may know of nobody after that: the next goes on from there.
            note(.unproved(at: address), at: address)
            return .failed(.unavailable(retryAfter: nil))
        }
        last = .success(response)
        history.note(response, at: address)
        try take(response)
        let isOwners = isOwners(response, to: report, at: address)
        try await heed(response, at: address)
        return told(response, through: report.through, isOwners: isOwners, under: authority)
    }

    /// Whether an answer is the owner's word on this report. What is kept by another partition need not be sent again
    /// to that; nothing is deleted for it.
    private func isOwners(_ response: CheckInResponse, to report: ToldReport, at address: String) -> Bool {
        guard response.custody == nil else { return false }
        let partition = port.partition(at: address)
        let isPassedOn = partition == nil || partition != sight.freshness?.register.owner
        // Only a receipt that is looked at needs the digest.
        let told = isPassedOn && response.signature != nil ? report.digest(by: trust.witness) : Bytes32.zero
        let receipt = OwnerReceipt(
            register: sight.freshness?.register.hash ?? .zero, epoch: response.epoch, queue: report.batch.incarnation,
            told: told, storedThrough: response.storedThrough, releaseThrough: response.releaseThrough)
        return sight.bears(
            receipt, signature: response.signature?.bytes, from: partition, mesh: trust.mesh, witness: trust.witness)
    }

    /// Nothing of an answer is obeyed that its owner's proof does not bear (P2): neither what it says is safe nor whom
    /// it names.
    private func refused(
        _ refusal: OwnerSight.Refusal, _ response: CheckInResponse, at address: String
    ) -> EnvoyMachine.Event {
        switch refusal {
        case .superseded:
            note(.superseded(at: address), at: address)
            // Below all that was seen, whatever number the bolt gives itself.
            let fence = EnvoyMachine.Fence(register: 0, epoch: response.epoch)
            return told(response, through: 0, isOwners: false, under: fence)
        case .unproved, .forged:
            note(.unproved(at: address), at: address)
            return .failed(.unavailable(retryAfter: nil))
        }
    }

    private func told(
        _ response: CheckInResponse, through: UInt64, isOwners: Bool, under authority: EnvoyMachine.Fence
    ) -> EnvoyMachine.Event {
        let asked = response.nextIntervalSeconds.isFinite ? max(0, min(86_400, response.nextIntervalSeconds)) : 60
        let next = interval ?? .milliseconds(Int64(asked * 1000))
        clock.adopt(next)
        return .answered(
            EnvoyMachine.Answer(
                storedThrough: response.storedThrough, releaseThrough: response.releaseThrough, toldThrough: through,
                isOwners: isOwners, fence: authority, nextInterval: next, servers: addresses.count,
                home: known.home))
    }

    func failed(_ failure: EnvoyPortFailure, at address: String) -> EnvoyMachine.Event {
        note(failure, at: address)
        return switch failure.kind {
        case .unavailable: .failed(.unavailable(retryAfter: failure.retryAfter))
        case .refused: .failed(.refused)
        case .rejected: .failed(.unavailable(retryAfter: nil))
        case .contradicted: .failed(.contradicted)
        }
    }

    private func note(_ failure: EnvoyPortFailure, at address: String) {
        last = .failure(failure)
        // A request that the end of the agent cut off says nothing of the bolt.
        guard !Task.isCancelled else { return }
        if !isLasting, attempts.count < EnvoyLimits.attemptsMax {
            attempts.append(ClientError.Attempt(address: address, reason: failure.reason))
        }
        history.note(failure, at: address, inARow: machine.failuresInARow + 1)
        // Of a single pass its caller tells.
        logger.log(
            level: isLasting ? .warning : .debug, "check-in failed",
            metadata: ["bolt.address": "\(address)", "code": "\(failure.code)", "reason": "\(failure.reason)"])
    }

    /// Writes down what came of reports; where that fails, the agent goes on without.
    func keepHistory(nextAttempt: Duration?, isUrgent: Bool = false) throws(StoreError) {
        tellStanding()
        notePolicy()
        notePassing()
        let (depth, oldest) = (try queue.held(), try queue.oldest())
        let next = nextAttempt.map { WallTime.now().advanced(by: $0) }
        // Whoever looks during a long rest sees what there was before it: a pass that is over, a result that is stored.
        let isUrgent = isUrgent || nextAttempt.map { $0 >= HistoryKeeper.pause } ?? true
        if let error = history.keep(depth, oldest: oldest, nextAttempt: next, isUrgent: isUrgent) {
            logger.warning("what came of reports cannot be kept for status", metadata: ["reason": "\(error)"])
        }
    }

    /// A pass that hangs keeps no report from being made: it is told of by itself, once.
    func notePassing(at now: ContinuousClock.Instant = .now) {
        guard desk != nil else { return }
        let since = beside.since
        history.note { $0.passingSince = since?.at }
        guard let duration = beside.toldLong(at: now, interval: clock.interval) else { return }
        logger.warning(
            "a pass takes long; no other is made before its end",
            metadata: ["minutes": "\(duration.components.seconds / 60)"])
    }

    /// Tells of what the machine says. Of a single pass, waits are not told: there are none.
    func log(_ notification: EnvoyMachine.Notification) {
        switch notification {
        case .staleAnswer(let fence, let seen):
            logger.warning(
                "an answer under a superseded authority was not obeyed",
                metadata: ["fence": "\(fence.register).\(fence.epoch)", "seen": "\(seen.register).\(seen.epoch)"])
        case .allServersFailed(let attempts, let wait) where isLasting && !Task.isCancelled:
            logger.warning(
                "no bolt took the report; going on from what is held",
                metadata: ["attempts": "\(attempts)", "wait": "\(wait)"])
        case .refused(let wait) where isLasting && !Task.isCancelled:
            logger.error("the mesh refuses this envoy", metadata: ["wait": "\(wait)"])
        case .allServersFailed, .refused: break
        case .acknowledgedTooMuch(let through, let last):
            logger.error(
                "the owner has more of this queue than was ever in it: an older copy; it goes on as a new queue",
                metadata: ["through": "\(through)", "last": "\(last)"])
        case .contradicted(let queue):
            logger.error(
                "the owner has other results of this queue: an older copy; it goes on as a new queue",
                metadata: ["queue": "\(queue)"])
        case .recovered(let failures):
            logger.info("reporting again", metadata: ["failures": "\(failures)"])
        }
    }
}

/// What one report told.
struct ToldReport {
    let batch: QueuedBatch
    /// Its last result; where it told none, what it was to begin after.
    let through: UInt64

    init(_ batch: QueuedBatch, after: UInt64) {
        (self.batch, through) = (batch, batch.records.last?.sequence ?? after)
    }

    func digest(by witness: some Witness) -> Bytes32 {
        OwnerReceipt.digest(firstHeld: batch.firstHeld, results: batch.records, by: witness)
    }
}

extension WallTime {
    /// This machine's clock.
    static func now() -> WallTime {
        WallTime(milliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1000)))
    }

    /// That much later, to the second.
    func advanced(by duration: Duration) -> WallTime {
        WallTime(milliseconds: milliseconds &+ UInt64(max(0, duration.components.seconds)) &* 1000)
    }
}
