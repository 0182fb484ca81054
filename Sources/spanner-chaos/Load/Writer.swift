import BoltAPI
import BoltClient
import ChaosKit
import Foundation
import Identity
import Spanner

/// One envoy that reports results all the time, over mutual TLS, and remembers all that it was told.
actor Writer {
    /// What it does.
    enum Phase: Sendable {
        /// Makes new results.
        case load
        /// Only gets rid of what it holds.
        case drain
        /// Ends.
        case stop
    }

    /// Results that wait at most, and that go at once.
    private static let (heldMax, batchMax): (UInt64, UInt64) = (400, 20)

    nonisolated let number: Int
    nonisolated let name: String
    nonisolated let principal: PrincipalID
    nonisolated let queue: QueueIncarnation
    private let seed: UInt64
    private let client: BoltClient
    private let credential: TLSCredential
    private var numbers: SeededNumbers
    private var history: WriterHistory
    private var phase = Phase.load
    /// The last sequence made, and how far the present owner stored.
    private var (made, stored): (UInt64, UInt64) = (0, 0)
    private var highest: Mark?

    /// The writer of an enrolled envoy.
    init(number: Int, name: String, identity: EnvoyIdentity, addresses: [String], seed: UInt64) throws {
        (self.number, self.name, self.seed) = (number, name, seed)
        (principal, credential) = (identity.principal, identity.credential)
        numbers = SeededNumbers(seed ^ UInt64(number) &* 0xD1B5_4A32_D192_ED03)
        let random = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        guard let queue = QueueIncarnation(bytes: random) else { throw ChaosFailure("16 bytes name no queue") }
        self.queue = queue
        let shift = number % addresses.count
        client = try Writer.client(of: identity.credential, Array(addresses[shift...] + addresses[..<shift]))
        history = WriterHistory(name: name, envoy: principal.apiText, queue: queue.apiText)
    }

    private static func client(of credential: TLSCredential, _ addresses: [String]) throws -> BoltClient {
        var limits = ClientLimits()
        (limits.connectTimeout, limits.requestTimeout) = (.seconds(1), .seconds(4))
        return try BoltClient(
            addresses: addresses, trust: .mesh(credential.verifier()), certificate: ClientCertificate(credential),
            limits: limits)
    }

    // MARK: Work

    /// Reports until told to stop, `pause` apart on average.
    func run(pause: Duration) async {
        while phase != .stop, !Task.isCancelled {
            if phase == .load, made - history.releasedThrough < Writer.heldMax { makeResults() }
            if phase == .drain, made == history.releasedThrough { return client.close() }
            let isGood = await report()
            let share = Double(numbers.below(2000)) / 1000
            try? await Task.sleep(for: isGood ? pause * share : .milliseconds(100 + numbers.below(200)))
        }
        client.close()
    }

    /// Changes what it does.
    func enter(_ phase: Phase) { self.phase = phase }

    /// It is going to be banned: what it holds is not waited for any more.
    func expectBan() { history.isBanned = true }

    /// How many results wait.
    var waiting: UInt64 { history.isBanned ? 0 : made - history.releasedThrough }

    /// All that it sent and was told.
    var told: WriterHistory { history }

    /// What was said to it, as counts.
    var calls: Int { history.calls.count }

    private func makeResults() {
        for _ in 0...numbers.below(3) {
            made += 1
            let body = ResultBody.make(seed: seed, writer: number, sequence: made)
            history.bodies.append(BodyChecksum.of(body))
        }
    }

    private func report() async -> Bool {
        let released = history.releasedThrough
        // Now and then all that is held goes again, as after a lost answer.
        let first = (numbers.below(4) == 0 ? released : max(released, min(stored, made))) + 1
        let last = min(made, first + Writer.batchMax - 1)
        let sent = first <= last ? first...last : nil
        let results = (sent.map(Array.init) ?? []).map { sequence in
            EnvoyResult(
                sequence: sequence,
                body: Base64Bytes(ResultBody.make(seed: seed, writer: number, sequence: sequence)))
        }
        let request = CheckInRequest(
            traits: ["hostname": .string(name)], queueIncarnation: queue, firstHeld: released + 1, results: results)
        let begin = RunClock.now
        do throws(ClientError) {
            let raw = try await client.send(.checkIn, body: request)
            let end = RunClock.now
            guard let response = try? APIJSON.decode(CheckInResponse.self, from: raw.body) else {
                note(raw.address, begin, end, sent, .unknown("an answer that can't be read"))
                return false
            }
            let answer = Answer(
                storedThrough: response.storedThrough, releaseThrough: response.releaseThrough,
                isPaired: response.level == .paired, mark: Mark(register: response.register, epoch: response.epoch),
                partition: response.owner.partition.text)
            note(raw.address, begin, end, sent, .answered(answer))
            take(answer)
            return true
        } catch {
            let bolt = error.attempts.last?.address ?? ""
            note(bolt, begin, RunClock.now, sent, Writer.outcome(of: error))
            // Whoever answers next may know less.
            stored = released
            return false
        }
    }

    private static func outcome(of error: ClientError) -> ClientCall.Outcome {
        if let problem = error.problem { return .refused(problem.code.rawValue) }
        return error.kind == .identityRefused ? .refused(error.code) : .unknown(error.code)
    }

    private func note(
        _ bolt: String, _ begin: UInt64, _ end: UInt64, _ sent: ClosedRange<UInt64>?, _ outcome: ClientCall.Outcome
    ) {
        history.calls.append(ClientCall(bolt: bolt, begin: begin, end: end, sent: sent, outcome: outcome))
    }

    /// An envoy takes the word of the highest owner that it has seen, and of no lower one (P2).
    private func take(_ answer: Answer) {
        guard answer.mark >= highest ?? answer.mark else { return }
        highest = answer.mark
        stored = answer.storedThrough
        history.releasedThrough = max(history.releasedThrough, min(answer.releaseThrough, made))
    }

    // MARK: After a ban

    /// Whether one bolt serves this envoy.
    func isServed(at address: String) async -> Bool {
        guard let one = try? Writer.client(of: credential, [address]) else { return false }
        defer { one.close() }
        let request = CheckInRequest(
            traits: [:], queueIncarnation: queue, firstHeld: history.releasedThrough + 1, results: [])
        return (try? await one.send(.checkIn, body: request)) != nil
    }
}
