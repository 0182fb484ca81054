import BoltAPI
import Envoy
import Synchronization

/// A port whose agent is given another result while it waits for the answer; takes everything.
final class EnqueuingPort: EnvoyPort, Sendable {
    let agent = Mutex<EnvoyAgent?>(nil)
    let incarnations = Mutex<Set<QueueIncarnation>>([])

    func checkIn(_ request: CheckInRequest, at address: String) async throws(EnvoyPortFailure) -> CheckInResponse {
        _ = incarnations.withLock { $0.insert(request.queueIncarnation) }
        let count = request.results.count
        // Some reports find nothing new, so that a pass can end.
        if count > 0, count.isMultiple(of: 2) == false, let agent = agent.withLock({ $0 }) {
            do {
                _ = try await agent.enqueue([[1], [2]])
            } catch {
                throw .away("\(error)")
            }
        }
        return ScriptedPort.takeAll(request)
    }
}
