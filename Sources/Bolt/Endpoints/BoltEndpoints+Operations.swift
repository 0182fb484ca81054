internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner

/// What an operator asks of a partition, in the machine's words.
struct RequestedOperation: Sendable {
    let id: OperationID
    var operation: PartitionOperation
    /// The stable word of the audit log.
    let action: String
    let reason: String
    /// What it does, one line each.
    let effects: [String]
    /// Whether it changes nothing.
    var isCheck = false
}

extension BoltEndpoints {
    /// How long an answer waits for an operation's end: less than a forwarding bolt waits for the answer.
    static let operationWait: Duration = .seconds(8)

    /// Carries out an operation that is for this bolt.
    func operate(_ request: HTTPRequestContext, _ picture: PartitionPicture) async throws -> HTTPAnswer {
        let words = PartitionWords(picture: picture, bolt: configuration.fullName)
        var asked = try requested(request, picture)
        if case .switchover(let wanted) = asked.operation {
            asked.operation = .switchover(to: try await heir(wanted, asked.id, words))
        }
        if case .remove(let disk) = asked.operation { try await requireRemovable(disk, asked.id, words) }
        if request.isDryRun, !asked.isCheck { return try await plan(asked, words) }
        if case .switchover = asked.operation { await partition.read { $0.makeRoomToLeave() } }
        // A hand-over ends this bolt's reign: what is asked is put on record before it.
        let isAfter = if case .promote = asked.operation { true } else { false }
        if !isAfter, !asked.isCheck { await putOnRecord(asked, picture, request) }
        logger.notice(
            "operation asked for",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.what: "\(asked.action)",
                LogKeys.name: "\(asked.id)", LogKeys.why: "\(asked.reason)",
                LogKeys.principal: "\(request.principal.map { "\($0.name)" } ?? "none")",
            ])
        // The operation's end, or that it goes on after a while: its fate is found in the journal.
        let (partition, id, operation) = (partition, asked.id, asked.operation)
        let resolution = await FirstAnswer.within(BoltEndpoints.operationWait, else: .ask(nil)) {
            await partition.operate(id, operation)
        }
        // Who is who may have changed meanwhile: the answer names them as they are now.
        let views = NodeViews(configuration: configuration)
        let after = (try? await node.read { try views.picture($0, of: picture.name) }) ?? picture
        let answer = try PartitionWords(picture: after, bolt: configuration.fullName)
            .response(resolution, asked.id, effects: asked.effects)
        if isAfter, answer.outcome == .done { await putOnRecord(asked, after, request) }
        return try .json(answer, status: answer.outcome == .running ? 202 : 200)
    }

    // MARK: What is asked

    private func requested(_ request: HTTPRequestContext, _ picture: PartitionPicture) throws -> RequestedOperation {
        let name = picture.name
        switch request.endpoint {
        case .promote:
            let body = try request.decode(PromoteRequest.self)
            let rank = request.principal.map { Authorisation.rank(of: $0) } ?? .viewer
            guard !body.allowDataLoss || rank >= .admin else {
                throw Problem(.notPermitted, "accepting a loss needs the rank \(OperatorRank.admin.rawValue)")
            }
            let isCheck = body.check || request.isDryRun
            return RequestedOperation(
                id: body.operation,
                operation: isCheck
                    ? .check : .promote(.promotion, expect: body.expect, acceptingLoss: body.allowDataLoss),
                action: body.allowDataLoss ? "partition.promote_accepting_loss" : "partition.promote",
                reason: try reason(body.reason), effects: [], isCheck: isCheck)
        case .switchover:
            let body = try request.decode(SwitchoverRequest.self)
            return RequestedOperation(
                id: body.operation, operation: .switchover(to: try body.to.map { try disk(of: $0, picture) }),
                action: "partition.switchover", reason: try reason(body.reason),
                effects: ["\(name) goes from \(configuration.fullName) to \(body.to ?? "its furthest standby")"])
        case .stepDown:
            let body = try request.decode(StepDownRequest.self)
            return RequestedOperation(
                id: body.operation, operation: .switchover(to: nil), action: "bolt.step_down",
                reason: try reason(body.reason),
                effects: ["\(name) goes from \(configuration.fullName) to its furthest standby"])
        case .removeMember:
            let body = try request.decode(RemoveMemberRequest.self)
            return RequestedOperation(
                id: body.operation, operation: .remove(try disk(of: body.bolt, picture)),
                action: "partition.remove_member", reason: try reason(body.reason),
                effects: ["\(body.bolt) is no member of \(name) any more; nothing waits for it"])
        case _: throw Problem(.notFound, "no such path")
        }
    }

    func reason(_ text: String) throws -> String {
        guard text.utf8.count <= RosterLimits.reasonBytesMax else {
            throw Problem(.badRequest, "a reason has at most \(RosterLimits.reasonBytesMax) bytes")
        }
        return text
    }

    /// The disk that a bolt has now.
    private func disk(of bolt: String, _ picture: PartitionPicture) throws -> ReplicaID {
        guard let report = picture.reports.first(where: { $0.bolt.fullName == bolt }) else {
            throw Problem(
                .notFound, "partition \(picture.name) has no bolt “\(bolt.prefix(128))”",
                next: "boltctl partition show \(picture.name)")
        }
        if let disk = report.standing?.disk { return disk }
        let known = picture.reigning?.standing?.members.last { $0.disk.key == report.key }
        guard let known else {
            throw Problem(
                .notInSync, "\(bolt) was not heard of yet: its disk is not known",
                next: "start it: boltctl partition show \(picture.name)")
        }
        return known.disk
    }

    // MARK: Carrying it out

    /// Refuses at once what would be waited for in vain, in a dry run and in earnest alike.
    private func requireRemovable(_ disk: ReplicaID, _ operation: OperationID, _ words: PartitionWords) async throws {
        let problem: Problem? = await partition.read { partition in
            guard partition.machine.role.reigns, !partition.knows(operation) else { return nil }
            let configuration = partition.machine.configuration
            return words.removal(
                of: disk, members: configuration?.members ?? [], inSync: configuration?.inSync ?? [],
                isCut: partition.surroundings.dead.contains(disk.key))
        }
        if let problem { throw problem }
    }

    /// Who takes over: known before anything is stopped for it. A repeat is the same operation, whoever could now.
    private func heir(
        _ wanted: ReplicaID?, _ operation: OperationID, _ words: PartitionWords
    ) async throws -> ReplicaID? {
        let standing = await partition.standing()
        guard standing.reigns else { return wanted }
        guard await !partition.read({ $0.knows(operation) }) else { return wanted }
        switch HandoverHeir(standing, siblings: words.picture.reports.compactMap(\.standing)).disk(wanted) {
        case .success(let disk): return disk
        case .failure(let refusal): throw words.problem(handover: refusal)
        }
    }

    /// What a dry run finds: a refusal where one is known before anything is asked.
    private func plan(_ asked: RequestedOperation, _ words: PartitionWords) async throws -> HTTPAnswer {
        let standing = await partition.standing()
        guard standing.reigns else { throw words.problem(.notPrimary(standing.primary)) }
        let others = standing.members.filter { $0.disk != standing.disk }
        switch asked.operation {
        case .remove(let disk):
            guard disk != standing.disk, others.contains(where: { $0.disk == disk }) else {
                throw words.problem(.notInSync(disk))
            }
            let (members, inSync) = await partition.read { partition in
                (partition.machine.configuration?.members ?? [], partition.machine.configuration?.inSync ?? [])
            }
            if members.count <= 2 || Set(inSync) == [standing.disk, disk] { throw words.problem(.lastStandby(disk)) }
        case .switchover, .found, .promote, .check: break
        }
        return try .json(
            OperationResponse(
                operation: asked.id, partition: words.picture.name, bolt: configuration.fullName, outcome: .planned,
                effects: asked.effects))
    }

    // MARK: Audit

    /// Writes a line of the audit log into the partition's journal. Where it cannot be written that is logged: the
    /// operation itself stands in the journal all the same.
    private func putOnRecord(
        _ asked: RequestedOperation, _ picture: PartitionPicture, _ request: HTTPRequestContext
    ) async {
        let entry = AuditEntry(
            at: WallClock.now(), actor: "operator/\(request.principal?.name.text ?? "unknown")", action: asked.action,
            object: "\(picture.name) by operation \(asked.id)", reason: asked.reason)
        switch await partition.write([.audit(entry)], level: .paired) {
        case .done, .undecided: break
        case .refused(let refusal):
            logger.warning(
                "an operation has no line in the audit log",
                metadata: [
                    LogKeys.request: "\(request.requestID)", LogKeys.what: "\(asked.action)",
                    LogKeys.why: "\(refusal)",
                ])
        }
    }
}
