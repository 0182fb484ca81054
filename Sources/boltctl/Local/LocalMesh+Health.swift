import BoltAPI
import BoltClient
import CRDT
import Identity
import Spanner

/// Watching a local mesh come up.
extension LocalMesh {
    /// A session of the mesh's own operator.
    func session() throws -> Session { try Session(context, timeout: 3) }

    /// Every state as a status that is no error, so that its reasons can be read.
    private static let readable: [(String, String?)] = [
        "standby", "behind", "orphaned", "uninit", "starting", "draining", "removed", "fenced", "maintenance", "sealed",
    ].map { ("\($0)code", "200") }

    /// Waits until each bolt is primary or a standby in sync, or until it is plain that waiting changes nothing: it
    /// ended, was removed, or is sealed and no key file opens it. Gives those that are not as wanted.
    func waitForHealth(
        seconds: Double, isEnough states: Set<HealthResponse.State> = [.active, .standby]
    ) async throws -> MeshHealth {
        let clients = try clients()
        defer { for (_, client) in clients { client.close() } }
        var (seen, progress) = ([String: MeshHealth.Look](), Progress())
        let settled: MeshHealth? = try await Waiting.until(seconds: seconds) {
            for (bolt, client) in clients where seen[bolt.fullName]?.isSettled(states) != true {
                seen[bolt.fullName] = await look(at: bolt, client)
            }
            let health = MeshHealth(bolts, seen, isEnough: states)
            if let (bolt, reason) = health.awaited.first {
                // What to do about it is for those who wait longer than a start takes.
                progress.say("waiting for \(bolt.fullName): \(reason.prefix { $0 != ";" })")
            }
            return health.awaited.isEmpty ? health : nil
        }
        return settled ?? MeshHealth(bolts, seen, isEnough: states)
    }

    private func look(at bolt: LocalBolt, _ client: BoltClient) async -> MeshHealth.Look {
        // One that somebody started by hand has no process of ours that could have ended.
        guard bolt.strangerPID != nil || !bolt.hasEnded else {
            return MeshHealth.Look(reason: "the process has ended", isFinal: true)
        }
        do throws(ClientError) {
            let health: HealthResponse = try await client.call(.health, query: LocalMesh.readable)
            // What a key file opens opens in a moment; without one somebody has to come.
            let isFinal = health.state == .removed || health.state == .sealed && namedKeyFile(of: bolt.partition) == nil
            return MeshHealth.Look(
                state: health.state, reason: LocalMesh.words(health.state, health.reasons), isFinal: isFinal)
        } catch { return MeshHealth.Look(reason: error.description, isFinal: false) }
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
    /// other is there too. Gives the digest, or what is missing when the time is over. Of the partitions that are
    /// `stopped` nobody has to reign.
    func waitForWholeness(
        seconds: Double, stopped: Set<PartitionName> = []
    ) async throws -> (digest: Bytes32?, gaps: [String]) {
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
            gaps = MeshGaps.all(seen, stopped: stopped)
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
