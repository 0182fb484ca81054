import BoltAPI
import BoltClient
import CRDT
import Foundation
import Identity
import Spanner

/// One enrolled machine that writes results without a pause, and remembers what it was told of them.
///
/// It deletes only what was released, as an agent does, so what was acknowledged below `paired` is sent again.
actor LoadWriter {
    /// One answer.
    struct Ack: Sendable {
        let at: ContinuousClock.Instant
        let level: BoltAPI.AckLevel
    }

    let name: String
    private let client: BoltClient
    private let queue: QueueIncarnation
    private let clock = ContinuousClock()
    /// The last result that it made.
    private(set) var made: UInt64 = 0
    /// Up to where the results were called safe.
    private(set) var safe: UInt64 = 0
    private(set) var acks: [Ack] = []
    /// Requests that ended without an answer to the results.
    private(set) var failures: [String] = []
    /// Results that were called safe and are gone.
    private(set) var lost: UInt64 = 0
    /// Up to where other partitions said that they keep the results while their owner is away, and how often they did.
    private(set) var kept: (through: UInt64, answers: Int) = (0, 0)

    /// Results in one request.
    private static let batchMax: UInt64 = 64

    init(name: String, identity directory: String, addresses: [String]) throws {
        let identity = try EnvoyIdentity.load(directory: directory)
        guard let queue = QueueIncarnation(bytes: Sodium.randomBytes(QueueIncarnation.count)) else {
            throw CommandFailure("no_randomness", "the system gave no random bytes")
        }
        (self.name, self.queue) = (name, queue)
        var limits = ClientLimits()
        limits.requestTimeout = .seconds(5)
        client = try BoltClient(
            addresses: addresses, trust: .mesh(try identity.credential.verifier()),
            certificate: ClientCertificate(identity.credential), limits: limits)
    }

    /// Writes until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            made += 1
            while !Task.isCancelled, await !report() { try? await Task.sleep(for: .milliseconds(10)) }
        }
    }

    /// Sends what is held until all of it is safe; false where it is not in time.
    func finish(seconds: Double) async throws -> Bool {
        let done: Bool? = try await Waiting.until(seconds: seconds) { await report() && safe >= made ? true : nil }
        client.close()
        return done ?? false
    }

    /// Up to where its owner has its results, asked without bringing any; nil where the owner itself does not answer.
    func stored() async -> UInt64? {
        do throws(ClientError) {
            let answer: CheckInResponse = try await client.call(.checkIn, body: request([]))
            // Whoever keeps results for another releases nothing.
            return answer.releaseThrough > 0 && answer.releaseThrough >= safe ? answer.storedThrough : nil
        } catch { return nil }
    }

    private func request(_ held: [UInt64]) -> CheckInRequest {
        CheckInRequest(
            traits: ["demo": .bool(true)], queueIncarnation: queue, firstHeld: safe + 1,
            results: held.map { EnvoyResult(sequence: $0, body: Base64Bytes(Array("\(name) \($0)".utf8))) })
    }

    /// One check-in with what is held; false where it was not answered.
    private func report() async -> Bool {
        let last = min(made, safe + Self.batchMax)
        let held = safe < last ? Array((safe + 1)...last) : []
        do throws(ClientError) {
            let answer: CheckInResponse = try await client.call(.checkIn, body: request(held))
            if safe > 0, answer.releaseThrough == 0 {
                kept = (max(kept.through, answer.storedThrough), kept.answers + 1)
            }
            // What was called safe once has to be there, whoever answers.
            if answer.storedThrough < safe { lost += safe - answer.storedThrough }
            safe = max(safe, answer.releaseThrough)
            acks.append(Ack(at: clock.now, level: answer.level))
            return true
        } catch {
            failures.append(error.description)
            return false
        }
    }
}

/// Writers of one partition, as long as a step needs them.
struct DemoLoad {
    let writers: [LoadWriter]
    private let tasks: [Task<Void, Never>]

    /// Starts the writers at once.
    init(_ writers: [LoadWriter]) {
        self.writers = writers
        tasks = writers.map { writer in Task { await writer.run() } }
    }

    /// Ends the writing, and waits until what is under way is answered.
    func stop() async {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    /// Answers so far.
    func count() async -> Int {
        var count = 0
        for writer in writers { count += await writer.acks.count }
        return count
    }

    /// Requests so far that ended without an answer.
    func failures() async -> [String] {
        var failures: [String] = []
        for writer in writers { failures += await writer.failures }
        return failures
    }

    /// The fewest answers that a writer had of bolts which keep its results for another partition.
    func keptAnswers() async -> Int {
        var fewest = Int.max
        for writer in writers { fewest = min(fewest, await writer.kept.answers) }
        return writers.isEmpty ? 0 : fewest
    }

    /// Whether every writer's owner has what others kept for it; false where one does not answer.
    func isDelivered() async -> Bool {
        for writer in writers {
            let kept = await writer.kept.through
            guard let stored = await writer.stored(), stored >= kept else { return false }
        }
        return true
    }

    /// Whether every result that was made is there, and none twice.
    func isEachThereOnce() async -> Bool {
        for writer in writers {
            guard await writer.safe == writer.made else { return false }
        }
        return true
    }

    /// The longest time that a writer was without an answer, of those that end after an instant.
    func longestPause(after instant: ContinuousClock.Instant) async -> Double {
        var longest = 0.0
        for writer in writers {
            let acks = await writer.acks
            for (before, after) in zip(acks, acks.dropFirst()) where after.at >= instant {
                longest = max(longest, Self.seconds(after.at - before.at))
            }
        }
        return longest
    }

    /// Seconds from an instant to the first answer after it.
    func firstAnswer(after instant: ContinuousClock.Instant) async -> Double? {
        var first: ContinuousClock.Instant?
        for writer in writers {
            for ack in await writer.acks where ack.at > instant { first = min(first ?? ack.at, ack.at) }
        }
        return first.map { Self.seconds($0 - instant) }
    }

    /// What of that was called safe is gone, and how much was.
    func tally() async -> (safe: UInt64, lost: UInt64) {
        var (safe, lost): (UInt64, UInt64) = (0, 0)
        for writer in writers {
            safe += await writer.safe
            lost += await writer.lost
        }
        return (safe, lost)
    }

    static func seconds(_ span: Duration) -> Double {
        Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18
    }
}
