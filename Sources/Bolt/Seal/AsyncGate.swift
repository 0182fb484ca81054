internal import BoltAPI

/// Lets one through at a time, in the order of arrival; a bounded number waits.
actor AsyncGate {
    /// How many may wait.
    static let waitingMax = 64

    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Runs `body` alone. Throws `Problem` with `vault_busy` where too many wait, and what `body` throws.
    nonisolated func pass<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        guard await enter() else { throw Problem(.vaultBusy, "\(AsyncGate.waitingMax) changes wait already") }
        do {
            let value = try await body()
            await leave()
            return value
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async -> Bool {
        guard isTaken else {
            isTaken = true
            return true
        }
        guard waiting.count < AsyncGate.waitingMax else { return false }
        await withCheckedContinuation { waiting.append($0) }
        return true
    }

    private func leave() {
        guard !waiting.isEmpty else {
            isTaken = false
            return
        }
        waiting.removeFirst().resume()
    }
}
