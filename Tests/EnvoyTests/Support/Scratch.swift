import BoltAPI
import Envoy
import Foundation
import Logging
import Spanner
import SpannerStore
import Testing

/// A directory that goes with the test.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "bolt-envoy-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// The agent's state below this directory.
    var state: EnvoyDirectory { EnvoyDirectory(file("envoy")) }

    /// What a power cut at this instant would leave, opened as the copy that it is: all records that it holds of
    /// the queue that is told, in order.
    func recordsAfterPowerCut(of incarnation: QueueIncarnation) throws -> [SequencedResult] {
        let copy = file("copy-\(UUID().uuidString)")
        try FileManager.default.copyItem(atPath: state.queuePath, toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let queue = try QueueStore(path: copy)
        if case .renewalNeeded = queue.incarnation {
            try queue.renewIncarnation(to: QueueID(high: .random(in: 1 ... .max), low: 1))
        }
        let batch = try queue.batch(itemsMax: 1_000, bytesMax: 1 << 30)
        return batch.incarnation.bytes == incarnation.bytes ? batch.records : []
    }
}

/// Names that every test uses.
enum Names {
    static func bolt(_ name: String, at address: String) throws -> BoltAddress {
        BoltAddress(
            name: BoltName(checked: "a"), partition: try #require(PartitionName(name)), address: address)
    }
}

/// An agent that waits next to nothing and says nothing, for as long as `body` runs. Then it is closed, or, where it
/// is not `closing`, let go of as by a kill.
func withAgent<Result>(
    _ state: EnvoyDirectory, _ port: any EnvoyPort, seeds: [String] = ["a:1", "b:1", "c:1"], pinned: Bool = false,
    queue limits: QueueStore.Limits = QueueStore.Limits(), seed: UInt64 = 1, closing: Bool = true,
    interval: Duration? = nil, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    policy: PolicyWork? = nil, renewal: (any CertificateRenewal)? = nil,
    traits: @escaping @Sendable () async -> [String: JSONValue] = { ["hostname": .string("web-1")] },
    _ body: (EnvoyAgent) async throws -> Result
) async throws -> Result {
    var patience = EnvoyMachine.Limits()
    patience.backoffFirst = .milliseconds(2)
    patience.backoffMax = .milliseconds(10)
    patience.intervalMin = .milliseconds(1)
    patience.refusedWait = .milliseconds(2)
    let agent = try EnvoyAgent(
        port: port, trust: PaperWitness.trust, queue: try state.openQueue(limits: limits),
        seeds: seeds, pinned: pinned, interval: interval, seed: seed, limits: patience,
        logger: logger, directory: state, policy: policy, renewal: renewal, traits: traits)
    let result = try await body(agent)
    if closing { try await agent.close() }
    return result
}
