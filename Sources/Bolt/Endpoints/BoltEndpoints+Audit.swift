internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// Lines of the partition's audit log about what is not journaled itself: changes of the roster that came through this
/// bolt, and salvage, which one disk keeps for itself.
extension BoltEndpoints {
    /// How long an answer waits for its line.
    static let auditWait: Duration = .seconds(2)

    /// Notes what an operator did here in the audit log of this bolt's partition, at its primary wherever that is;
    /// false where no line stands, which is logged. Nothing else depends on it: a ban must not wait for a primary.
    @discardableResult
    func note(
        _ action: AuditNoteRequest.Action, of object: String, reason: String, _ request: HTTPRequestContext
    ) async -> Bool {
        let cut = String(decoding: object.utf8.prefix(PartitionLimits.reasonBytesMax / 2), as: UTF8.self)
        let note = AuditNoteRequest(action: action, object: cut, reason: reason)
        let isWritten = await FirstAnswer.within(BoltEndpoints.auditWait, else: false) {
            await deliver(note, request)
        }
        if !isWritten {
            logger.warning(
                "no line in the audit log: the partition has no primary that takes it",
                metadata: [LogKeys.request: "\(request.requestID)", LogKeys.what: "\(action.rawValue) of \(cut)"])
        }
        return isWritten
    }

    private func deliver(_ note: AuditNoteRequest, _ request: HTTPRequestContext) async -> Bool {
        switch await partition.write([entry(note, by: request.principal)], level: .paired) {
        case .done: return true
        case .undecided: return false
        case .refused(.notPrimary), .refused(.handingOver): break
        case .refused: return false
        }
        let views = NodeViews(configuration: configuration)
        let picture = try? await node.read { try views.picture($0, of: configuration.partition) }
        guard let primary = picture?.reigning, primary.bolt.fullName != configuration.fullName,
            let chain = request.peer?.chain, let body = try? APIJSON.encode(note)
        else { return false }
        let forwarded = PeerOperatorRequest(
            operatorChainDER: chain.map { Base64Bytes($0) }, endpoint: Endpoint.auditNote.rawValue,
            arguments: [configuration.partition.text], query: [:], body: Base64Bytes(Array(body)), hops: 1)
        let answer = try? await forwarder.post(
            APIJSON.encode(forwarded), to: Endpoint.peerOperator.path, at: primary.bolt.address)
        return answer?.status == 200
    }

    private func entry(_ note: AuditNoteRequest, by principal: Principal?) -> PartitionCommand {
        .audit(
            AuditEntry(
                at: WallClock.now(), actor: "operator/\(principal?.name.text ?? "unknown")",
                action: note.action.rawValue, object: note.object, reason: note.reason))
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
        case .refused, .undecided: throw noPrimary(picture)
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
