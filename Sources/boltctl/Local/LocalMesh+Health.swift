import BoltAPI
import BoltClient
import CRDT
import Identity

/// Watching a local mesh come up.
extension LocalMesh {
    /// One bolt's digest, if it answers.
    struct Seen: Sendable {
        let bolt: String
        let answer: RosterDigestResponse?
    }

    /// A session of the mesh's own operator.
    func session() throws -> Session { try Session(context, timeout: 3) }

    /// Waits until each bolt answers its health with 200; gives the names of those that do not, with the reason.
    func waitForHealth(seconds: Double) async throws -> [(bolt: LocalBolt, reason: String)] {
        let session = try session()
        var sick: [(bolt: LocalBolt, reason: String)] = []
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(seconds))
        for bolt in bolts {
            let client = try session.client(of: bolt.bolt.address)
            defer { client.close() }
            let left = Double((deadline - clock.now).components.seconds) + 0.5
            var reason = "no answer"
            let healthy: Bool? = try await Waiting.until(seconds: max(0, left)) {
                guard !bolt.hasEnded else {
                    reason = "the process has ended"
                    return false
                }
                do throws(ClientError) {
                    let health: HealthResponse = try await client.call(.health)
                    reason = health.state.rawValue
                    return health.state == .active ? true : nil
                } catch {
                    reason = error.description
                    return nil
                }
            }
            if healthy != true { sick.append((bolt, reason)) }
        }
        return sick
    }

    /// Waits until all bolts tell the same digest over all bolts' histories; nil when the time is over.
    func waitForConvergence(seconds: Double) async throws -> Bytes32? {
        let clients = try clients()
        defer { for (_, client) in clients { client.close() } }
        return try await Waiting.until(seconds: seconds) {
            let seen = await Self.digests(clients)
            let digests = Set(seen.compactMap { $0.answer?.digest })
            let complete = seen.allSatisfy { ($0.answer?.replicas.count ?? 0) > bolts.count }
            return digests.count == 1 && complete ? digests.first : nil
        }
    }

    /// One client a bolt.
    func clients() throws -> [(bolt: LocalBolt, client: BoltClient)] {
        let session = try session()
        return try bolts.map { ($0, try session.client(of: $0.bolt.address)) }
    }

    /// What each bolt holds.
    static func digests(_ clients: [(bolt: LocalBolt, client: BoltClient)]) async -> [Seen] {
        var seen: [Seen] = []
        for (bolt, client) in clients {
            seen.append(Seen(bolt: bolt.fullName, answer: try? await client.call(.rosterDigest)))
        }
        return seen
    }
}
