internal import BoltAPI

/// Lets one through at a time, in the order of arrival; a bounded number waits.
actor AsyncGate {
    /// How many may wait.
    static let waitingMax = 64

    private let busy: Problem.Code
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// A gate; `busy`: what is said where too many wait.
    init(busy: Problem.Code = .vaultBusy) { self.busy = busy }

    /// Runs `body` alone. Throws `Problem` with that code where too many wait, and what `body` throws.
    nonisolated func pass<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        guard await enter() else { throw Problem(busy, "\(AsyncGate.waitingMax) changes wait already") }
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
