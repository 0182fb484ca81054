internal import BoltAPI

/// Lets one through at a time, or a few, in the order of arrival; a bounded number waits.
actor AsyncGate {
    /// How many may wait, where it is not said.
    static let waitingMax = 64

    private let busy: Problem.Code
    private let waitingMax: Int
    /// How many may still go through at once.
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// A gate; `busy`: what is said where too many wait; `places`: how many go through at once, at least one.
    init(busy: Problem.Code = .vaultBusy, places: Int = 1, waitingMax: Int = AsyncGate.waitingMax) {
        (self.busy, self.waitingMax, free) = (busy, waitingMax, max(1, places))
    }

    /// Runs `body` in a place of its own. Throws `Problem` with that code where too many wait, and what `body` throws.
    nonisolated func pass<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        guard await enter() else { throw Problem(busy, "\(waitingMax) requests of this kind wait already") }
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
        guard free == 0 else {
            free -= 1
            return true
        }
        guard waiting.count < waitingMax else { return false }
        await withCheckedContinuation { waiting.append($0) }
        return true
    }

    private func leave() {
        guard !waiting.isEmpty else {
            free += 1
            return
        }
        waiting.removeFirst().resume()
    }
}
