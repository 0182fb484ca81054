import BoltAPI
import BoltClient
import CRDT
import Identity

/// Watching a local mesh come up.
extension LocalMesh {
    /// A session of the mesh's own operator.
    func session() throws -> Session { try Session(context, timeout: 3) }

    /// Every state as a status that is no error, so that its reasons can be read.
    private static let readable: [(String, String?)] = [
        "standby", "behind", "orphaned", "uninit", "starting", "draining", "removed", "fenced", "maintenance", "sealed",
    ].map { ("\($0)code", "200") }

    /// Waits until each bolt is primary or a standby in sync; gives the names of those that are not, with the reason.
    func waitForHealth(
        seconds: Double, isEnough states: Set<HealthResponse.State> = [.active, .standby]
    ) async throws -> [(bolt: LocalBolt, reason: String)] {
        let session = try session()
        var sick: [(bolt: LocalBolt, reason: String)] = []
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: .seconds(seconds))
        var progress = Progress()
        for bolt in bolts {
            let isStrange = bolt.strangerPID != nil
            let client = try session.client(of: bolt.bolt.address)
            defer { client.close() }
            let left = Double((deadline - clock.now).components.seconds) + 0.5
            var reason = "no answer"
            let healthy: Bool? = try await Waiting.until(seconds: max(0, left)) {
                guard isStrange || !bolt.hasEnded else {
                    reason = "the process has ended"
                    return false
                }
                do throws(ClientError) {
                    let health: HealthResponse = try await client.call(.health, query: LocalMesh.readable)
                    reason = LocalMesh.words(health.state, health.reasons)
                    if states.contains(health.state) { return true }
                } catch { reason = error.description }
                progress.say("waiting for \(bolt.fullName): \(reason)")
                return nil
            }
            if healthy != true { sick.append((bolt, reason)) }
        }
        return sick
    }

    /// A state with its reasons, of which the first may name it already.
    static func words(_ state: HealthResponse.State, _ reasons: [String]) -> String {
        let isNamed = reasons.first?.hasPrefix("\(state.rawValue): ") ?? false
        return ((isNamed ? [] : [state.rawValue]) + reasons).joined(separator: ": ")
    }

    /// Waits until all bolts tell the same digest; nil when the time is over.
    func waitForConvergence(seconds: Double) async throws -> Bytes32? {
        let clients = try clients()
        defer { for (_, client) in clients { client.close() } }
        return try await Waiting.until(seconds: seconds) { await commonDigest(clients) }
    }

    /// Waits until the mesh is whole: all bolts tell the same digest, each is linked to each other and knows that the
    /// other is there too. Gives the digest, or what is missing when the time is over.
    func waitForWholeness(seconds: Double) async throws -> (digest: Bytes32?, gaps: [String]) {
        let clients = try clients()
        defer { for (_, client) in clients { client.close() } }
        var progress = Progress()
        var steadiness = Steadiness(lasting: .milliseconds(300))
        var gaps: [String] = []
        let digest: Bytes32? = try await Waiting.until(seconds: seconds, every: .milliseconds(100)) {
            var seen: [MeshGaps.Seen] = []
            for (bolt, client) in clients {
                seen.append(.init(bolt: bolt.fullName, status: try? await client.call(.status)))
            }
            gaps = MeshGaps.all(seen)
            // Bolts that start together may each still bring in the acts that admit them.
            let digest = gaps.isEmpty ? seen.first?.status?.roster.digest : nil
            if steadiness.holds(digest) { return digest }
            if gaps.isEmpty { gaps = ["the roster has only just become the same"] }
            progress.say("waiting: \(gaps[0])" + (gaps.count > 1 ? " and \(gaps.count - 1) more" : ""))
            return nil
        }
        return (digest, digest == nil ? gaps : [])
    }

    /// One client a bolt.
    func clients() throws -> [(bolt: LocalBolt, client: BoltClient)] {
        let session = try session()
        return try bolts.map { ($0, try session.client(of: $0.bolt.address)) }
    }

    /// The digest that all bolts tell; nil where they do not. A bolt need not have written anything of its own: what
    /// admits it may have come from others first.
    private func commonDigest(_ clients: [(bolt: LocalBolt, client: BoltClient)]) async -> Bytes32? {
        var digests: Set<Bytes32> = []
        for (_, client) in clients {
            let answer: RosterDigestResponse? = try? await client.call(.rosterDigest)
            guard let answer else { return nil }
            digests.insert(answer.digest)
        }
        return digests.count == 1 ? digests.first : nil
    }
}

/// What keeps a mesh from being whole, by what each bolt says of the others.
enum MeshGaps {
    /// One bolt and what it says, if it answers.
    struct Seen: Sendable {
        let bolt: String
        let status: StatusResponse?
    }

    /// One line a gap; none when every bolt is linked to every other and all hold the same.
    static func all(_ seen: [Seen]) -> [String] {
        var gaps: [String] = []
        for one in seen {
            guard let status = one.status else {
                gaps.append("\(one.bolt) does not answer")
                continue
            }
            for other in seen where other.bolt != one.bolt {
                guard let view = status.bolts.first(where: { $0.fullName == other.bolt }) else {
                    gaps.append("\(one.bolt) does not know \(other.bolt) yet")
                    continue
                }
                if view.reach != .alive {
                    gaps.append("\(one.bolt) has no live link to \(other.bolt)")
                } else if view.digest != status.roster.digest {
                    gaps.append("\(one.bolt) does not know yet that \(other.bolt) holds the same roster")
                }
            }
        }
        // Who reigns is told link by link: a bolt may have heard of all bolts, and not yet of that.
        for one in seen {
            for partition in one.status?.partitions ?? [] where partition.primary == nil {
                gaps.append("\(one.bolt) does not know the primary of \(partition.name) yet")
            }
        }
        let digests = Set(seen.compactMap { $0.status?.roster.digest })
        if digests.count > 1 { gaps.append("the bolts hold \(digests.count) different rosters") }
        return gaps
    }
}

/// Whether something has stayed the same for a while.
struct Steadiness {
    private let span: Duration
    private let clock = ContinuousClock()
    private var value: (digest: Bytes32, since: ContinuousClock.Instant)?

    init(lasting span: Duration) { self.span = span }

    /// Notes what is seen now, nil for nothing; true once it has been the same for the whole span.
    mutating func holds(_ digest: Bytes32?, at now: ContinuousClock.Instant? = nil) -> Bool {
        let now = now ?? clock.now
        guard let digest else {
            value = nil
            return false
        }
        guard let value, value.digest == digest else {
            value = (digest, now)
            return span <= .zero
        }
        return now - value.since >= span
    }
}
