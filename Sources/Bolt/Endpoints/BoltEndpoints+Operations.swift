internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore

/// What an operator asks of a partition, in the machine's words.
struct RequestedOperation: Sendable {
    let id: OperationID
    var operation: PartitionOperation
    /// The stable word of the audit log.
    let action: AuditNoteRequest.Action
    /// What it is about, in the audit log: the bolts by name, and its id.
    let object: String
    let reason: String
    /// What it does, one line each.
    let effects: [String]
    /// Whether it changes nothing.
    var isCheck = false

    /// The word of its line in the audit log.
    func word(_ outcome: AuditNoteRequest.Outcome?) -> String {
        AuditNoteRequest(action: action, outcome: outcome, object: object, reason: reason).word
    }
}

extension BoltEndpoints {
    /// How long an answer waits for an operation's end: less than a forwarding bolt waits for the answer.
    static let operationWait: Duration = .seconds(8)

    /// Carries out an operation that is for this bolt.
    func operate(_ request: HTTPRequestContext, _ picture: PartitionPicture) async throws -> HTTPAnswer {
        let words = PartitionWords(picture: picture, bolt: configuration.fullName)
        let outlook = await outlook(picture)
        var asked = try requested(request, picture, outlook)
        // What is certain to be refused leaves no line in the audit log.
        let isKnown = await partition.isKnown(asked.id)
        if !asked.isCheck, !isKnown { try requireFeasible(&asked, outlook, words) }
        if request.isDryRun, !asked.isCheck { return try planned(asked, picture) }
        if case .switchover = asked.operation { await partition.read { $0.makeRoomToLeave() } }
        let keepsRecord = await keepsRecord(of: asked, isKnown: isKnown)
        let standing = keepsRecord ? await lines(of: asked.id) : []
        if keepsRecord { await recordAsked(asked, standing, request) }
        logger.notice(
            "operation asked for",
            metadata: [
                LogKeys.request: "\(request.requestID)", LogKeys.what: "\(asked.action.rawValue)",
                LogKeys.name: "\(asked.id)", LogKeys.why: "\(asked.reason)",
                LogKeys.principal: "\(request.principal.map { "\($0.name)" } ?? "none")",
            ])
        // The operation's end, or that it goes on after a while: its fate is found in the journal.
        let (partition, carried) = (partition, asked)
        let end = Task { await partition.operate(carried.id, carried.operation) }
        let resolution = await FirstAnswer<PartitionResolution?>.within(BoltEndpoints.operationWait, else: nil) {
            await end.value
        }
        // Who is who may have changed meanwhile: the answer names them as they are now.
        let views = NodeViews(configuration: configuration)
        let after = (try? await node.read { try views.picture($0, of: picture.name) }) ?? picture
        let wordsNow = PartitionWords(picture: after, bolt: configuration.fullName)
        if keepsRecord {
            let bare = request.withoutBody
            let record = Task {
                await recordEnd(of: carried, end.value, standing, wordsNow, bare)
                await partition.endRecord(of: carried.id)
            }
            // Whoever reigns now takes the line; after a hand-over that is another bolt, and nobody waits for that.
            if resolution != nil, await partition.read({ $0.machine.role.reigns }) { await record.value }
        }
        let answer = try wordsNow.response(resolution ?? .ask(nil), asked.id, effects: asked.effects)
        return try .json(answer, status: answer.outcome == .running ? 202 : 200)
    }

    // MARK: What is asked

    private func requested(
        _ request: HTTPRequestContext, _ picture: PartitionPicture, _ outlook: OperationOutlook
    ) throws -> RequestedOperation {
        let (name, own) = (picture.name, configuration.fullName)
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
                action: body.allowDataLoss ? .promotedAcceptingLoss : .promoted,
                object: "\(own) for \(name) by operation \(body.operation)",
                reason: try reason(body.reason), effects: [], isCheck: isCheck)
        case .switchover:
            let body = try request.decode(SwitchoverRequest.self)
            let to = try body.to.map { try disk(of: $0, picture) }
            let words = HandoverWords(name, from: own, to: to, outlook, picture, dryRun: request.isDryRun)
            return RequestedOperation(
                id: body.operation, operation: .switchover(to: to), action: .switchedOver,
                object: "\(words.object) by operation \(body.operation)", reason: try reason(body.reason),
                effects: [words.effect])
        case .stepDown:
            let body = try request.decode(StepDownRequest.self)
            let words = HandoverWords(name, from: own, to: nil, outlook, picture, dryRun: request.isDryRun)
            return RequestedOperation(
                id: body.operation, operation: .switchover(to: nil), action: .steppedDown,
                object: "\(words.object) by operation \(body.operation)", reason: try reason(body.reason),
                effects: [words.effect])
        case .removeMember:
            let body = try request.decode(RemoveMemberRequest.self)
            let verb = request.isDryRun ? "would be" : "is"
            return RequestedOperation(
                id: body.operation, operation: .remove(try disk(of: body.bolt, picture)), action: .memberRemoved,
                object: "\(body.bolt) out of \(name) by operation \(body.operation)", reason: try reason(body.reason),
                effects: ["\(body.bolt) \(verb) no member of \(name) any more; nothing waits for it"])
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

    /// What is known of this bolt's partition before anything is done.
    private func outlook(_ picture: PartitionPicture) async -> OperationOutlook {
        let standing = await partition.standing()
        return await partition.read { partition in
            OperationOutlook(
                standing: standing, siblings: picture.reports.compactMap(\.standing),
                members: partition.machine.configuration?.members ?? [],
                inSync: partition.machine.configuration?.inSync ?? [], dead: partition.surroundings.dead)
        }
    }

    /// Refuses at once what would be waited for in vain, in a dry run and in earnest alike, and settles who takes over
    /// before anything is stopped for it.
    private func requireFeasible(
        _ asked: inout RequestedOperation, _ outlook: OperationOutlook, _ words: PartitionWords
    ) throws {
        if outlook.standing.reigns {
            switch asked.operation {
            case .switchover(let wanted):
                switch outlook.heir.disk(wanted) {
                case .success(let disk): asked.operation = .switchover(to: disk)
                case .failure(let refusal): throw words.problem(handover: refusal)
                }
            case .remove(let disk):
                let problem = words.removal(
                    of: disk, members: outlook.members, inSync: outlook.inSync,
                    isCut: outlook.dead.contains(disk.key))
                if let problem { throw problem }
            case .found, .promote, .check: break
            }
        }
        if let refusal = outlook.refusal(of: asked.operation) { throw words.problem(refusal) }
    }

    /// What a dry run answers where nothing that is known before anything is asked would refuse it.
    private func planned(_ asked: RequestedOperation, _ picture: PartitionPicture) throws -> HTTPAnswer {
        try .json(
            OperationResponse(
                operation: asked.id, partition: picture.name, bolt: configuration.fullName, outcome: .planned,
                effects: asked.effects))
    }

    // MARK: On record

    /// Whether this request sees to the operation's lines. What the journal knows of has been seen to, but for a
    /// promotion, which has no line before it is done: whoever asked for it may have died in between.
    private func keepsRecord(of asked: RequestedOperation, isKnown: Bool) async -> Bool {
        guard !asked.isCheck else { return false }
        if isKnown { guard case .promote = asked.operation else { return false } }
        return await partition.keepRecord(of: asked.id)
    }

    /// Which lines the audit log has of an operation already, by their words: a repeat adds only what is missing.
    private func lines(of id: OperationID) async -> Set<String> {
        (try? await readStore { try HistoryWords.words(of: id, in: $0.store.tables.audit) }) ?? []
    }

    /// A hand-over ends this bolt's reign and a removal may end its bolt's memory: that they were asked for is on
    /// record before. A promotion can be only after: there was no primary that took a line.
    private func recordAsked(
        _ asked: RequestedOperation, _ standing: Set<String>, _ request: HTTPRequestContext
    ) async {
        if case .promote = asked.operation { return }
        guard !standing.contains(asked.word(.asked)) else { return }
        await note(asked.action, outcome: .asked, of: asked.object, reason: asked.reason, request)
    }

    /// What became of it, where that is known: an operation that ended is done or refused. One that is asked for
    /// elsewhere is found by its id in the history.
    private func recordEnd(
        of asked: RequestedOperation, _ resolution: PartitionResolution, _ standing: Set<String>,
        _ words: PartitionWords, _ request: HTTPRequestContext
    ) async {
        switch resolution {
        case .done:
            guard !standing.contains(asked.word(nil)) else { return }
            let reigns = await partition.read { $0.machine.role.reigns }
            await note(
                asked.action, of: asked.object, reason: asked.reason, waiting: reigns ? .brief : .long, request)
        case .refused(let refusal):
            if case .promote = asked.operation { return }
            guard !standing.contains(asked.word(.refused)) else { return }
            let object = "\(asked.object): \(words.problem(refusal).code.rawValue)"
            await note(asked.action, outcome: .refused, of: object, reason: asked.reason, waiting: .brief, request)
        case .ask, .report: return
        }
    }
}

/// A hand-over in words, which name both bolts.
struct HandoverWords {
    /// For the audit log.
    let object: String
    /// For whoever asks.
    let effect: String

    init(
        _ name: PartitionName, from own: String, to wanted: ReplicaID?, _ outlook: OperationOutlook,
        _ picture: PartitionPicture, dryRun: Bool
    ) {
        let successor = outlook.successor(to: wanted)
        let target = successor.map { picture.view($0.disk).text } ?? "its furthest standby"
        object = "\(name) from \(own) to \(target)"
        let lag = successor.flatMap { outlook.lag(of: $0) }.map { ", which is \(Plural.text($0, "record")) behind" }
        effect = "\(name) \(dryRun ? "would go" : "goes") from \(own) to \(target)" + (dryRun ? lag ?? "" : "")
    }
}
