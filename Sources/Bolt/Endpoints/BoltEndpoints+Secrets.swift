internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore
internal import Vault

extension BoltEndpoints {
    /// Secrets of the own partition: their values come in and never go out.
    func secretRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try requireRunning()
        switch request.endpoint {
        case .secrets: return try .json(await secrets(request))
        case .putSecret: return try await putSecret(request)
        case .removeSecret: return try await removeSecret(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    private func secrets(_ request: HTTPRequestContext) async throws -> SecretsResponse {
        let (limit, after) = (min(try request.limit(), BoltEndpoints.secretsPageMax), request.query["after"] ?? "")
        let (bolt, name, vault) = (configuration.fullName, configuration.partition, partition.sealing.vault)
        let (isOpen, age) = (vault.state.isUnsealed, primaryAge())
        return try await readStore { partition in
            let table = partition.store.tables.secrets
            let names = try table.names(after: after, limit: limit)
            let secrets = try names.compactMap { name -> SecretView? in
                guard let stored = try table.value(name) else { return nil }
                guard let sealed = try? SealedSecret(bytes: stored.bytes), let checked = try? SecretName(name) else {
                    return SecretView(name: name, version: 0, bytes: 0, position: stored.position, opens: false)
                }
                let opens = isOpen ? (try? vault.open(secret: checked, sealed)) != nil : nil
                return SecretView(
                    name: name, version: sealed.version, bytes: sealed.box.plainCount, position: stored.position,
                    opens: opens)
            }
            return SecretsResponse(
                partition: name, bolt: bolt, isPrimary: partition.machine.role.reigns,
                position: partition.machine.tip.position, secrets: secrets,
                nextAfter: names.count == limit ? names.last : nil, ageSeconds: age)
        }
    }

    /// Secrets that one answer tells of: each is opened to see whether it can be.
    static let secretsPageMax = 100

    private func putSecret(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        var body = try request.decode(PutSecretRequest.self)
        defer { SecretBytes.wipe(&body.value.bytes) }
        let (reason, name) = (try checked(reason: body.reason), try secretName(body.name))
        let value = SecretBytes(body.value.bytes)
        let (partitionName, sealing) = (body.partition, partition.sealing)
        return try await sealing.gate.pass { [self] in
            if let answer = try await secretElsewhere(partitionName, request) { return answer }
            try await requireSafeWrites("a secret")
            let held = try await held(name)?.version
            let removed = try await readStore { try RemovedSecretVersion.held(name, in: $0.store.tables) }
            let version = max(held ?? 0, removed ?? 0) + 1
            let verb = request.isDryRun ? "would get" : "gets"
            let effects = ["secret \(name) of partition \(partitionName) \(verb) version \(version)"]
            let sealed: SealedSecret
            do throws(VaultError) { sealed = try sealing.vault.seal(secret: name, version: version, value) } catch {
                throw VaultProblems.problem(error)
            }
            guard !request.isDryRun else {
                return try .json(secretChange(partitionName, name, version, .local, effects, dryRun: true))
            }
            let entry = audit("secret.put", "\(name) version \(version)", reason, request)
            var changes: [PartitionCommand] = [.audit(entry), .secret(name: name.text, sealed: sealed.bytes)]
            if removed != nil { changes.append(RemovedSecretVersion.forget(name)) }
            let level = try await writeSafely(changes)
            policy.secretsChanged()
            return try .json(secretChange(partitionName, name, version, level, effects))
        }
    }

    private func removeSecret(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(RemoveSecretRequest.self)
        let (reason, name) = (try checked(reason: body.reason), try secretName(body.name))
        return try await partition.sealing.gate.pass { [self] in
            if let answer = try await secretElsewhere(body.partition, request) { return answer }
            try await requireSafeWrites("the removal of a secret")
            guard let held = try await held(name) else {
                throw Problem(
                    .notFound, "partition \(body.partition) has no secret \(name)",
                    next: "boltctl secret list --partition \(body.partition)")
            }
            let verb = request.isDryRun ? "would no longer be" : "is no longer"
            let need = await policy.need(of: name.text)
            let effects =
                ["secret \(name) of partition \(body.partition), version \(held.version), \(verb) kept"]
                + (need.map { [$0.words(name.text, dryRun: request.isDryRun)] } ?? [])
            guard !request.isDryRun else {
                return try .json(secretChange(body.partition, name, nil, .local, effects, dryRun: true))
            }
            let entry = audit("secret.remove", "\(name) version \(held.version)", reason, request)
            let level = try await writeSafely([
                .audit(entry), .secret(name: name.text, sealed: nil), RemovedSecretVersion.note(name, held.version),
            ])
            policy.secretsChanged()
            return try .json(secretChange(body.partition, name, nil, level, effects))
        }
    }

    // MARK: Parts

    private func secretName(_ text: String) throws -> SecretName {
        do throws(VaultError) { return try SecretName(text) } catch { throw VaultProblems.problem(error) }
    }

    /// Another bolt to ask, or a refusal: only an unsealed primary of a partition with a keyring changes secrets.
    private func secretElsewhere(_ name: PartitionName, _ request: HTTPRequestContext) async throws -> HTTPAnswer? {
        let sealing = partition.sealing
        if name == configuration.partition {
            guard !sealing.isSealed else { throw sealedProblem() }
            guard sealing.vault.state.isUnsealed else {
                throw Problem(
                    .vaultNotInitialised, "partition \(name) has no keyring yet",
                    next: "make one: boltctl seal init --partition \(name) --key-file FILE")
            }
        }
        return try await elsewhere(request, of: name)
    }

    /// What a sealed bolt answers to everything that needs its partition.
    func sealedProblem() -> Problem {
        Problem(
            .sealed, partition.sealing.reasons.first ?? "this bolt is sealed", status: 503,
            next: "use another bolt, or unseal this one: boltctl seal unseal --key-file FILE")
    }

    /// The secret that is kept under a name, whether it can be opened or not.
    private func held(_ name: SecretName) async throws -> SealedSecret? {
        try await readStore { partition -> SealedSecret? in
            guard let stored = try partition.store.tables.secrets.value(name.text) else { return nil }
            do throws(VaultError) { return try SealedSecret(bytes: stored.bytes) } catch {
                throw VaultProblems.problem(error)
            }
        }
    }

    private func secretChange(
        _ partition: PartitionName, _ name: SecretName, _ version: UInt64?, _ level: BoltAPI.AckLevel,
        _ effects: [String], dryRun: Bool = false
    ) -> SecretChangeResponse {
        SecretChangeResponse(
            partition: partition, name: name.text, version: version, level: level, dryRun: dryRun, effects: effects)
    }
}
