internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import Vault

extension BoltEndpoints {
    /// What operators ask of this bolt's seal. Nothing of it is passed on: a key is for the bolt that it is given to.
    func sealRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try requireRunning()
        switch request.endpoint {
        case .sealStatus: return try .json(await sealStatus())
        case .initSeal: return try await initSeal(request)
        case .unseal: return try await unseal(request)
        case .seal: return try await seal(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    /// Refuses while the process starts or ends.
    func requireRunning() throws {
        switch readiness.phase {
        case .starting: throw Problem(.notReady, "reading its state")
        case .draining: throw Problem(.draining, "this bolt is shutting down")
        case .serving: return
        }
    }

    private func sealStatus() async -> SealStatusResponse {
        let sealing = partition.sealing
        let isPrimary = await partition.read { $0.machine.role.reigns }
        let keyring = sealing.vault.keyring.map { keyring in
            KeyringView(
                id: keyring.stamp.id.id, lock: keyring.stamp.lock, revision: keyring.stamp.revision,
                dataKeys: keyring.generations.count)
        }
        let state: SealStatusResponse.State =
            sealing.isSealed ? .sealed : sealing.vault.state.isUnsealed ? .unsealed : .uninitialised
        return SealStatusResponse(
            bolt: configuration.fullName, partition: configuration.partition, state: state, reasons: sealing.reasons,
            keyring: keyring, isMemoryLocked: sealing.vault.isLocked, hasKeyFile: sealing.hasKeyFile,
            isPrimary: isPrimary)
    }

    // MARK: init

    /// Journals a partition's first keyring, safely, and is unsealed by its key from the same moment on.
    private func initSeal(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        var body = try request.decode(InitSealRequest.self)
        defer { SecretBytes.wipe(&body.key.bytes) }
        let reason = try checked(reason: body.reason)
        let sealing = partition.sealing
        let (keyring, key): (Keyring, UnsealKey)
        do throws(VaultError) {
            keyring = try Keyring(bytes: body.keyring.bytes)
            key = try UnsealKeyFile.key(in: body.key.bytes, from: "of the request")
            try sealing.check(key, opens: keyring)
        } catch {
            // Nothing that the partition holds is damaged: what was sent is.
            guard error.code != .keyringDamaged else {
                throw Problem(.badRequest, "the keyring that was sent does not open: \(error.why); nothing was changed")
            }
            throw VaultProblems.problem(error)
        }
        return try await sealing.gate.pass { [self] in
            let held = try await heldKeyring()
            if held == body.keyring.bytes {
                return try .json(await sealChange(false, level: .paired, ["this keyring is in the journal already"]))
            }
            guard held == nil else {
                throw Problem(
                    .vaultInitialised,
                    "it is done already: partition \(configuration.partition) has a keyring; nothing was changed")
            }
            if let elsewhere = try await elsewhere(request) { return elsewhere }
            try await requireSafeWrites("a keyring")
            let effects = [
                "partition \(configuration.partition) \(request.isDryRun ? "would get" : "gets") the keyring "
                    + "\(keyring.stamp.id)",
                "every bolt of it \(request.isDryRun ? "would start" : "starts") sealed from now on",
            ]
            guard !request.isDryRun else {
                return try .json(await sealChange(false, level: .local, effects, dryRun: true))
            }
            let entry = audit("seal.init", "keyring \(keyring.stamp.id)", reason, request)
            let level = try await sealing.expecting(keyring, key) {
                try await writeSafely([.audit(entry), .keyring(body.keyring.bytes)])
            }
            return try .json(await sealChange(true, level: level, effects))
        }
    }

    private func heldKeyring() async throws -> [UInt8]? {
        try await readStore { try $0.store.tables.keyrings.value(PartitionService.keyringName)?.bytes }
    }

    // MARK: unseal

    private func unseal(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        var body = try request.decode(UnsealRequest.self)
        defer { SecretBytes.wipe(&body.key.bytes) }
        let reason = try checked(reason: body.reason)
        let sealing = partition.sealing
        let outcome: Bool?
        do throws(VaultError) {
            let key = try UnsealKeyFile.key(in: body.key.bytes, from: "of the request")
            if request.isDryRun { try sealing.check(key) }
            outcome = request.isDryRun ? nil : try sealing.unseal(key)
        } catch {
            note("an attempt to unseal failed", request, [LogKeys.why: "\(error)"])
            throw VaultProblems.problem(error)
        }
        guard let changed = outcome else {
            return try .json(await sealChange(false, level: nil, ["the key is the right one"], dryRun: true))
        }
        guard changed else {
            let effects = ["it was unsealed already: the key was not looked at"]
            return try .json(await sealChange(false, level: nil, effects))
        }
        note("unsealed by an operator", request, [LogKeys.why: "\(reason)"])
        // Only a primary can write it down, and there may be none before this bolt is one: nobody waits for the line.
        // The bolt's own log says it in any case.
        let bare = request.withoutBody
        Task { await note(.unsealed, of: configuration.fullName, reason: reason, waiting: .long, bare) }
        return try .json(await sealChange(true, level: nil, ["\(configuration.fullName) is unsealed"]))
    }

    // MARK: seal

    /// Overwrites the keys. A primary hands over first: nobody is to notice but those who ask this very bolt.
    private func seal(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(SealRequest.self)
        let reason = try checked(reason: body.reason)
        let sealing = partition.sealing
        return try await sealing.gate.pass { [self] in
            guard sealing.vault.keyring != nil else {
                throw Problem(.vaultNotInitialised, "partition \(configuration.partition) has no keyring")
            }
            guard sealing.vault.state.isUnsealed else {
                return try .json(await sealChange(false, level: nil, ["it was sealed already"]))
            }
            let isDry = request.isDryRun
            var effects = [
                isDry
                    ? "\(configuration.fullName) would overwrite its keys and serve nothing of its partition"
                    : "\(configuration.fullName) overwrites its keys and serves nothing of its partition"
            ]
            if await partition.read({ $0.machine.role.reigns }) {
                let successor = try await successor(orElseStopping: body.stopPartition)
                effects.insert(
                    successor.map { "\(configuration.partition) \(isDry ? "would go" : "goes") to \($0.bolt) first" }
                        ?? "\(configuration.partition) \(isDry ? "would serve" : "serves") nothing until one of "
                        + "its bolts is unsealed", at: 0)
                guard !isDry else {
                    return try .json(await sealChange(false, level: nil, effects, dryRun: true))
                }
                if let successor {
                    await note(.sealed, outcome: .asked, of: configuration.fullName, reason: reason, request)
                    if try await !handOver(body, to: successor.disk, reason, request) {
                        effects[0] = "\(configuration.partition) serves nothing until one of its bolts is unsealed"
                    }
                }
            } else if request.isDryRun {
                return try .json(await sealChange(false, level: nil, effects, dryRun: true))
            }
            // A bolt that reigns still writes the line before the deed, which cannot fail: afterwards nobody may be
            // left to take it. Any other asks whoever reigns, and the seal does not wait for that.
            if await partition.read({ $0.machine.role.reigns }) {
                await note(.sealed, of: configuration.fullName, reason: reason, request)
            } else {
                Task { await note(.sealed, of: configuration.fullName, reason: reason, waiting: .long, request) }
            }
            note("sealed by an operator", request, [LogKeys.why: "\(reason)"])
            let changed = sealing.seal()
            return try .json(await sealChange(changed, level: nil, effects))
        }
    }

    /// Who takes over from this primary; nil where nobody can and the partition is to stop.
    private func successor(orElseStopping stops: Bool) async throws -> (disk: ReplicaID, bolt: String)? {
        let (views, name) = (NodeViews(configuration: configuration), configuration.partition)
        let picture = try await node.read { try views.picture($0, of: name) }
        let heir = HandoverHeir(await partition.standing(), siblings: picture.reports.compactMap(\.standing))
        let words = PartitionWords(picture: picture, bolt: configuration.fullName)
        switch heir.disk() {
        case .success(let disk): return (disk, words.text(disk))
        case .failure where stops: return nil
        case .failure(.sealed(let disks)):
            throw Problem(
                .sealed, "\(words.text(disks)) cannot take over, being sealed: sealed too, \(name) would stop",
                next: "boltctl seal unseal --key-file FILE; or stop the partition with --stop-partition")
        case .failure(.full(let disks)):
            throw Problem(
                .storeFull, "\(words.text(disks)) cannot take over, for want of room: sealed, \(name) would stop",
                next: "make room there; or stop the partition with --stop-partition")
        case .failure(.notInSync):
            throw Problem(
                .notInSync, "no standby in sync could take over: sealed, \(name) would stop",
                next: "have one in sync: boltctl partition show \(name); or stop the partition with --stop-partition")
        }
    }

    /// False where nobody took over and the partition is to stop all the same.
    private func handOver(
        _ body: SealRequest, to disk: ReplicaID, _ reason: String, _ request: HTTPRequestContext
    ) async throws -> Bool {
        let resolution = await partition.operate(body.operation, .switchover(to: disk))
        switch resolution {
        case .done, .ask, .report: return true
        case .refused(let refusal):
            // Without it the partition would stop: whoever wants that says so.
            if body.stopPartition { return false }
            let object = "\(configuration.fullName): \(Problem.Code.handoverCancelled.rawValue)"
            await note(.sealed, outcome: .refused, of: object, reason: reason, waiting: .brief, request)
            let (views, name) = (NodeViews(configuration: configuration), configuration.partition)
            let picture = try await node.read { try views.picture($0, of: name) }
            let why = PartitionWords(picture: picture, bolt: configuration.fullName).problem(refusal)
            throw Problem(
                .handoverCancelled, "\(configuration.fullName) goes on, unsealed: \(why.detail)",
                next: "\(why.next); or stop the partition with --stop-partition")
        }
    }

    // MARK: Answers

    private func sealChange(
        _ changed: Bool, level: BoltAPI.AckLevel?, _ effects: [String], dryRun: Bool = false
    ) async -> SealChangeResponse {
        SealChangeResponse(
            seal: await sealStatus(), changed: changed, level: level, dryRun: dryRun, effects: effects)
    }

    private func note(_ message: Logger.Message, _ request: HTTPRequestContext, _ more: Logger.Metadata) {
        var metadata = more
        metadata[LogKeys.request] = "\(request.requestID)"
        metadata[LogKeys.principal] = "\(request.principal.map { "\($0.name)" } ?? "none")"
        logger.notice(message, metadata: metadata)
    }
}

/// Failures of the vault as the API answers them.
enum VaultProblems {
    static func problem(_ error: VaultError) -> Problem {
        let code: Problem.Code
        switch error.code {
        case .notInitialised: code = .vaultNotInitialised
        case .sealed: return Problem(.sealed, "\(error.what): \(error.why)", status: 503)
        case .busy, .overtaken, .unsealed: code = .vaultBusy
        case .wrongKey, .keyringForeign: code = .vaultWrongKey
        case .keyringDamaged, .keyringNewer, .rowDamaged, .keyMissing: code = .vaultKeyringDamaged
        case .tooLarge: code = .tooLarge
        case .badName, .keyFileDamaged: code = .badRequest
        case _: code = .internalError
        }
        return Problem(code, "\(error.what): \(error.why)", next: error.next)
    }
}
