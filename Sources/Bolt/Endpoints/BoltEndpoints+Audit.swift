internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// Lines of the partition's audit log about what is not journaled itself: changes of the roster that came through this
/// bolt, operations, seals, and salvage, which one disk keeps for itself.
extension BoltEndpoints {
    /// How long an answer waits for its line.
    static let auditWait: Duration = .seconds(2)
    /// How long a line that no answer waits for looks for a primary that takes it.
    static let auditPatience: Duration = .seconds(60)

    /// How long a line looks for a primary that takes it.
    enum AuditPatience {
        /// Once: whoever asks waits for the answer.
        case once
        /// For `auditWait`: the reign may just be changing hands.
        case brief
        /// For `auditPatience`: nobody waits.
        case long
    }

    /// Notes what an operator did here in the audit log of this bolt's partition, at its primary wherever that is;
    /// false where no line stands, which is logged. Nothing else depends on it: a ban must not wait for a primary.
    @discardableResult
    func note(
        _ action: AuditNoteRequest.Action, outcome: AuditNoteRequest.Outcome? = nil, of object: String, reason: String,
        waiting patience: AuditPatience = .once,
        _ request: HTTPRequestContext
    ) async -> Bool {
        let cut = String(decoding: object.utf8.prefix(PartitionLimits.reasonBytesMax / 2), as: UTF8.self)
        let note = AuditNoteRequest(action: action, outcome: outcome, object: cut, reason: reason)
        let span = patience == .long ? BoltEndpoints.auditPatience : BoltEndpoints.auditWait
        let isWritten = await FirstAnswer.within(span, else: false) {
            await deliver(note, within: patience == .once ? .zero : span, request)
        }
        if !isWritten {
            logger.warning(
                "no line in the audit log: the partition has no primary that takes it",
                metadata: [LogKeys.request: "\(request.requestID)", LogKeys.what: "\(note.word) of \(cut)"])
        }
        return isWritten
    }

    /// Tries until a primary took the line, or nobody knows whether one did: a line must not stand twice.
    private func deliver(
        _ note: AuditNoteRequest, within span: Duration, _ request: HTTPRequestContext
    ) async -> Bool {
        let deadline = ContinuousClock.now + span
        while true {
            if let isWritten = await deliver(note, request) { return isWritten }
            guard ContinuousClock.now < deadline, !readiness.isDraining else { return false }
            // A task that is cancelled cannot wait: it must not spin either.
            guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { return false }
        }
    }

    /// Whether the line stands; nil where it certainly does not, and another try may do better.
    private func deliver(_ note: AuditNoteRequest, _ request: HTTPRequestContext) async -> Bool? {
        switch await partition.write([entry(note, by: request.principal)], level: .paired) {
        case .done: return true
        case .undecided: return false
        case .refused(.notPrimary), .refused(.handingOver): break
        case .refused: return false
        }
        let views = NodeViews(configuration: configuration)
        let picture = try? await node.read { try views.picture($0, of: configuration.partition) }
        guard let primary = picture?.reigning, primary.bolt.fullName != configuration.fullName else { return nil }
        guard let chain = request.peer?.chain, let body = try? APIJSON.encode(note) else { return false }
        let forwarded = PeerOperatorRequest(
            operatorChainDER: chain.map { Base64Bytes($0) }, endpoint: Endpoint.auditNote.rawValue,
            arguments: [configuration.partition.text], query: [:], body: Base64Bytes(Array(body)), hops: 1)
        do {
            let answer = try await forwarder.post(
                APIJSON.encode(forwarded), to: Endpoint.peerOperator.path, at: primary.bolt.address, once: true)
            if answer.status == 200 { return true }
            return BoltEndpoints.mayTryAgain(try? APIJSON.decode(Problem.self, from: answer.body)) ? nil : false
        } catch {
            return BoltEndpoints.mayTryAgain(error as? Problem) ? nil : false
        }
    }

    /// Whether a line that was refused like this certainly does not stand, and may be taken in a moment.
    static func mayTryAgain(_ problem: Problem?) -> Bool {
        guard let problem, !problem.changed else { return false }
        return problem.status == 503 || [.sealed, .ownerUnreachable].contains(problem.code)
    }

    private func entry(_ note: AuditNoteRequest, by principal: Principal?) -> PartitionCommand {
        .audit(
            AuditEntry(
                at: WallClock.now(), actor: "operator/\(principal?.name.text ?? "unknown")",
                action: note.word, object: note.object, reason: note.reason))
    }

    /// Writes a line that another bolt of the partition, or an operator, asks for.
    func takeNote(_ request: HTTPRequestContext, _ picture: PartitionPicture) async throws -> AuditNoteResponse {
        let note = try request.decode(AuditNoteRequest.self)
        _ = try reason(note.reason)
        guard note.object.utf8.count <= PartitionLimits.reasonBytesMax else {
            throw Problem(.badRequest, "an object has at most \(PartitionLimits.reasonBytesMax) bytes")
        }
        guard !request.isDryRun else { return AuditNoteResponse(partition: picture.name, level: .local) }
        switch await partition.write([entry(note, by: request.principal)], level: .paired) {
        case .done(_, let level, _, _):
            return AuditNoteResponse(partition: picture.name, level: level == .paired ? .paired : .local)
        case .refused(.storage(.full)): throw PartitionService.diskFull
        case .refused(.storage), .refused(.tooLarge), .refused(.overloaded), .refused(.notPaired):
            throw Problem(.storeFailure, "the bolt's disk did not take the line; nothing was changed")
        case .refused: throw noPrimary(picture)
        case .undecided:
            throw Problem(
                .noPrimary, "the reign changed hands meanwhile: whether the line stands shows at the new primary",
                changed: true, next: "boltctl audit log --partition \(picture.name)")
        }
    }

    // MARK: Salvage

    /// Lets go of what this disk keeps, once the audit log says so: a line before it happens, not after.
    func dismissSalvage(
        _ request: HTTPRequestContext, _ picture: PartitionPicture
    ) async throws -> DismissSalvageResponse {
        let body = try request.decode(DismissSalvageRequest.self)
        let (reason, bolt) = (try reason(body.reason), configuration.fullName)
        let count = try await readStore { try $0.store.keptSalvage(through: body.through) }
        guard count > 0, !request.isDryRun else {
            return DismissSalvageResponse(
                partition: picture.name, bolt: bolt, count: count, dryRun: request.isDryRun)
        }
        let isNoted = await note(
            .salvageDismissed, of: "\(count) commands up to number \(body.through) on the disk of \(bolt)",
            reason: reason, request)
        guard isNoted else { throw noPrimary(picture) }
        let done = try await readStore { try $0.store.dismissSalvage(through: body.through) }
        logger.notice(
            "salvage was let go",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.count: "\(done)",
                LogKeys.through: "\(body.through)", LogKeys.why: "\(reason)",
            ])
        return DismissSalvageResponse(partition: picture.name, bolt: bolt, count: done, dryRun: false)
    }
}
