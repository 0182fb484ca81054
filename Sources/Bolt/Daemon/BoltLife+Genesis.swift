internal import BoltAPI
internal import CRDT
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore

extension BoltLife {
    /// Takes in the root's history from the genesis file. What is held already is no error.
    func importGenesis() async throws {
        guard let genesis, !genesis.runs.isEmpty else { return }
        switch await node.importRuns(genesis.runs.map(\.run)) {
        case .imported, .done: return
        case .refused(let refusal):
            throw DaemonError(
                .badGenesis, what: "taking in the genesis of \(configuration.genesisFile)", why: "\(refusal)",
                made: "the state directory \(configuration.stateDirectory) stands, with nothing of it taken in",
                next: "take the genesis.json that the operator's terminal wrote for this bolt")
        }
    }

    /// Carries the acts of the genesis file that the roster does not hold yet, so that this bolt and those it is to
    /// talk to first are admitted. Each is carried once in the life of this state directory.
    func carryActs() async {
        guard let genesis, let key = genesis.acts.isEmpty ? nil : "genesis acts" else { return }
        let acts = genesis.acts.map(\.act)
        let digest = BLAKE2b.hash(acts.flatMap { $0.content + $0.signature }).bytes
        let missing: [SignedAct] = await node.read { node in
            if (try? node.store.meta.value(key)) == digest { return [] }
            let roster = node.machine.roster
            return GenesisActs.toCarry(
                acts, ownKey: node.machine.own.tlsKey,
                hasHistory: roster.vector[node.machine.own.replica] > 0 || node.machine.isExpelled
            ) { admission in
                // Admitted, removed, banned: this roster has heard of the key, and knows more than the file.
                roster.standing(of: admission.tlsKey, as: admission.role) != .unknown
            }
        }
        if !missing.isEmpty {
            switch await node.command(missing.map { .act($0) }, level: .local) {
            case .done, .imported:
                logger.info("acts of the genesis carried", metadata: [LogKeys.count: "\(missing.count)"])
            case .refused(let refusal):
                logger.error("acts of the genesis not carried", metadata: [LogKeys.why: "\(refusal)"])
                return
            }
        }
        await node.read { node in
            do throws(StoreError) {
                try node.store.meta.set(key, to: digest)
            } catch { node.fail(error, "noting the genesis") }
        }
    }
}
