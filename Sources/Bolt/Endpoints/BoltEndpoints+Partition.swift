internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore
internal import Synchronization

extension BoltEndpoints {
    /// What operators ask of one partition: answered by the bolt that has to, wherever it was asked.
    func partitionRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireAdmitted(request)
        try await requireServing()
        let name = try partitionName(of: request)
        let views = NodeViews(configuration: configuration)
        if request.endpoint == .partition {
            return try .json(await node.read { try views.partition($0, of: name) })
        }
        let picture = try await node.read { try views.picture($0, of: name) }
        let target = try target(of: request, picture)
        guard target.bolt.fullName == configuration.fullName else {
            return try await passOn(request, to: target)
        }
        switch request.endpoint {
        case .partitionHistory: return try .json(await history(picture))
        case .partitionSalvage: return try .json(await salvage(request, picture))
        case .partitionAudit: return try .json(await auditLog(request, name))
        case .partitionOperation: return try .json(await fate(request))
        case .switchover, .promote, .removeMember, .stepDown: return try await operate(request, picture)
        case .dismissSalvage: return try .json(await dismissSalvage(request, picture))
        case .auditNote: return try .json(await takeNote(request, picture))
        case _: throw Problem(.notFound, "no such path")
        }
    }

    /// Refuses where this bolt was removed or banned: what it would tell is stale. What only its own disk holds it
    /// tells all the same, whoever names it.
    func requireAdmitted(_ request: HTTPRequestContext) async throws {
        if request.endpoint == .partitionSalvage, request.query["bolt"] == configuration.fullName { return }
        // Peers' word alone stops no change: it may be the last bolt that could be promoted. The roster's does.
        if BoltEndpoints.partitionChanges.contains(request.endpoint) { return }
        let bolt = configuration.fullName
        if let problem = await node.read({ $0.removedProblem(asked: bolt) }) { throw problem }
    }

    private static let partitionChanges: Set<Endpoint> = [.switchover, .promote, .removeMember, .stepDown]

    private func partitionName(of request: HTTPRequestContext) throws -> PartitionName {
        let text = request.arguments[0]
        if request.endpoint == .stepDown {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, BoltName(parts[0]) != nil, let name = PartitionName(parts[1]) else {
                throw Problem(.badRequest, "a bolt is named as NAME.PARTITION", next: "boltctl bolt list")
            }
            return name
        }
        guard let name = PartitionName(apiText: text) else {
            throw Problem(.notFound, "“\(text.prefix(64))” is no partition's name", next: "boltctl partition list")
        }
        return name
    }

    // MARK: Who answers

    /// The bolt that has to answer.
    private func target(of request: HTTPRequestContext, _ picture: PartitionPicture) throws -> PartitionReport {
        switch request.endpoint {
        case .promote:
            let body = try request.decode(PromoteRequest.self)
            if let bolt = body.bolt { return try named(bolt, picture) }
            return try own(in: picture) ?? named(nil, picture)
        case .stepDown: return try named(request.arguments[0], picture)
        case .dismissSalvage:
            let body = try request.decode(DismissSalvageRequest.self)
            if let bolt = body.bolt { return try named(bolt, picture) }
            return try own(in: picture) ?? named(nil, picture, what: "whose salvage is let go")
        case .switchover, .removeMember, .auditNote:
            guard let primary = picture.reigning else { throw noPrimary(picture) }
            return primary
        case _:
            if let bolt = request.query["bolt"] { return try named(bolt, picture) }
            if request.endpoint == .partitionSalvage, let own = own(in: picture) { return own }
            if let primary = picture.reigning { return primary }
            if let own = own(in: picture) { return own }
            guard let some = picture.reports.first(where: \.isLive) else {
                throw Problem(
                    .ownerUnreachable, "no bolt of partition \(picture.name) can be reached from here",
                    next: "boltctl partition show \(picture.name)")
            }
            return some
        }
    }

    private func own(in picture: PartitionPicture) -> PartitionReport? {
        picture.reports.first { $0.bolt.fullName == configuration.fullName }
    }

    private func named(
        _ bolt: String?, _ picture: PartitionPicture, what: String = "to be promoted"
    ) throws -> PartitionReport {
        guard let bolt else {
            throw Problem(
                .badRequest, "bolt is missing: which bolt of \(picture.name) is meant, \(what)?",
                next: "name one: boltctl partition show \(picture.name)")
        }
        let names = picture.reports.map(\.bolt.fullName)
        if let found = picture.reports.first(where: { $0.bolt.fullName == bolt }) { return found }
        let hint = NearestName.suggest(bolt, among: names).map { "; did you mean \($0)?" } ?? ""
        throw Problem(
            .notFound, "partition \(picture.name) has no bolt “\(bolt.prefix(128))”\(hint)",
            next: "boltctl partition show \(picture.name)")
    }

    func noPrimary(_ picture: PartitionPicture) -> Problem {
        let sealed = picture.view(envoys: 0).sealedBolts
        guard sealed.isEmpty else {
            let names = Plural.are(sealed, "sealed")
            return Problem(
                .sealed, "partition \(picture.name) has no primary, and \(names); nothing was changed",
                next: "boltctl seal unseal --key-file FILE, with the key of \(picture.name)")
        }
        return Problem(
            .noPrimary, "partition \(picture.name) has no primary that is known here; nothing was changed",
            next: "see who may be promoted: boltctl partition promote \(picture.name) --check")
    }

    // MARK: Reads

    /// Seconds since this bolt heard its primary: how old what it answers by itself may be.
    func primaryAge() -> Double? {
        let (reigns, heard) = partition.board.withLock { ($0.standing.reigns, $0.primaryHeard) }
        return reigns ? 0 : heard.map { NodeViews.seconds(ContinuousClock.now - $0) }
    }

    private func salvage(_ request: HTTPRequestContext, _ picture: PartitionPicture) async throws -> SalvageResponse {
        let (limit, after, bolt) = (try request.limit(), try request.number("after"), configuration.fullName)
        let word = request.query["fate"] ?? SalvageView.Fate.kept.rawValue
        guard let fate = SalvageView.Fate(rawValue: word) else {
            throw Problem(.badRequest, "fate is not kept, replayed or dismissed")
        }
        let stored: SalvagedCommand.Fate
        switch fate {
        case .kept: stored = .kept
        case .replayed: stored = .replayed
        case .dismissed: stored = .dismissed
        case .stranded: return try await stranded(picture.name, after: after ?? 0, limit: limit)
        }
        return try await readStore { partition in
            let commands = try partition.store.salvage(stored, after: after ?? 0, limit: limit).map { command in
                SalvageView(
                    number: command.number, point: command.point, index: command.index, text: command.text, fate: fate)
            }
            return SalvageResponse(
                partition: picture.name, bolt: bolt, commands: commands,
                nextAfter: commands.count == limit ? commands.last?.number : nil)
        }
    }

    /// What the journal of a disk holds beyond where its partition went on without it. Changes nothing.
    private func stranded(_ name: PartitionName, after: UInt64, limit: Int) async throws -> SalvageResponse {
        let bolt = configuration.fullName
        return try await readStore { partition in
            guard let fork = partition.machine.partedAt else {
                return SalvageResponse(partition: name, bolt: bolt, commands: [], nextAfter: nil)
            }
            let page = try partition.store.commands(after: max(after, fork), limit: limit)
            let commands = page.map { command in
                SalvageView(
                    number: command.number, point: command.point, index: command.index, text: command.text,
                    fate: .stranded)
            }
            let last = page.last?.number ?? UInt64.max
            return SalvageResponse(
                partition: name, bolt: bolt, commands: commands,
                nextAfter: last < partition.machine.tip.position ? last : nil)
        }
    }

    private func auditLog(_ request: HTTPRequestContext, _ name: PartitionName) async throws -> AuditResponse {
        let age = primaryAge()
        let (limit, after, bolt) = (try request.limit(), try request.number("after"), configuration.fullName)
        return try await readStore { partition in
            let audit = partition.store.tables.audit
            let last = try audit.last().number
            let records = try audit.records(after: after ?? 0, limit: limit).map { record in
                AuditRecordView(
                    number: record.number, position: record.position, entry: record.entry, hash: record.hash)
            }
            let next = records.last.flatMap { $0.number < last ? $0.number : nil }
            return AuditResponse(partition: name, bolt: bolt, records: records, nextAfter: next, ageSeconds: age)
        }
    }

    private func fate(_ request: HTTPRequestContext) async throws -> OperationFateResponse {
        guard let operation = OperationID(apiText: request.arguments[1]) else {
            throw Problem(.badRequest, "the operation is not \(OperationID.apiKind)")
        }
        let bolt = configuration.fullName
        return try await readStore { partition in
            let (isPrimary, safe) = (partition.machine.role.reigns, partition.machine.safePosition)
            let (state, epoch, point): (OperationFateResponse.State, PartitionEpoch?, LogPoint?) =
                switch try partition.store.fate(of: operation) {
                case nil: (.unknown, nil, nil)
                case .begun(let point, _): (.done, point.epoch, point)
                case .handingOver(let point, _): (.running, nil, point)
                case .cancelled(let point): (.cancelled, nil, point)
                }
            return OperationFateResponse(
                operation: operation, bolt: bolt, isPrimary: isPrimary, state: state, epoch: epoch, point: point,
                isSafe: point.map { $0.position <= safe } ?? false)
        }
    }

    /// Reads the partition's database; what is wrong with it is told without its content, and noted where it matters.
    func readStore<Value: Sendable>(
        _ body: @Sendable (isolated PartitionService) throws -> Value
    ) async throws -> Value {
        do { return try await partition.read(body) } catch let error as StoreError {
            await partition.read { $0.fail(error, "reading for an operator") }
            throw NodeService.problem(error)
        }
    }
}

extension HTTPRequestContext {
    /// A query item as a number; nil where it is not given.
    func number(_ name: String) throws -> UInt64? {
        guard let text = query[name] else { return nil }
        guard let number = UInt64(text) else { throw Problem(.badRequest, "\(name) is no number") }
        return number
    }
}
