internal import BoltAPI
internal import BoltClient
internal import Foundation
public import Identity
internal import Logging
internal import Policy
internal import Spanner
internal import Synchronization

/// Many envoys in one process over the real protocol: each with keys, a certificate, a queue and connections of its
/// own.
///
/// For load tests and demonstrations. What was acknowledged is written to a journal, one JSON object a line, as it
/// happens, so that a checker can compare it with what the bolts hold after a crash of either side.
public struct FleetSimulator: Sendable {
    /// What to simulate.
    public struct Plan: Sendable {
        /// Where each envoy keeps its state: `DIR/NAME`.
        public var directory: String
        /// A multi-use token; nil where all are enrolled already.
        public var token: JoinToken?
        /// Asked before the token's own addresses.
        public var addresses: [String]
        /// How many envoys, at most `EnvoyLimits.simulatedMax`.
        public var count: Int
        /// Names are `PREFIX-N`, N from 1.
        public var prefix: String
        /// Enrolments and passes under way at a time.
        public var concurrency: Int
        /// Passes of each envoy after enrolment; 0 enrols only.
        public var passes: Int
        /// The journal's file; nil writes none.
        public var journal: String?
        /// Whether they take policy: verified and resolved as a machine would, and nothing is touched.
        public var takesPolicy: Bool

        /// A plan.
        public init(
            directory: String, token: JoinToken?, addresses: [String], count: Int, prefix: String, concurrency: Int,
            passes: Int, journal: String?, takesPolicy: Bool = true
        ) {
            (self.directory, self.token, self.addresses, self.count) = (directory, token, addresses, count)
            (self.prefix, self.concurrency, self.passes, self.journal) = (prefix, concurrency, passes, journal)
            self.takesPolicy = takesPolicy
        }

        /// Whether one of them is not enrolled yet.
        public var needsToken: Bool {
            !(1...max(1, count)).allSatisfy { EnvoyDirectory("\(directory)/\(prefix)-\($0)").isEnrolled }
        }
    }

    /// What came of it.
    public struct Report: Codable, Hashable, Sendable {
        /// Envoys that were admitted, with an acknowledgement.
        public var enrolled = 0
        /// Envoys that no bolt admitted.
        public var failedEnrolments = 0
        /// Passes whose results were stored.
        public var delivered = 0
        /// Passes that no bolt took.
        public var failedPasses = 0
        /// First failures, for people.
        public var reasons: [String] = []

        enum CodingKeys: String, CodingKey {
            case enrolled, delivered, reasons
            case failedEnrolments = "failed_enrolments"
            case failedPasses = "failed_passes"
        }
    }

    private static let attemptsMax = 5
    private let plan: Plan

    /// A simulation of a plan, whose count and concurrency are brought within bounds.
    public init(_ plan: Plan) {
        var bounded = plan
        bounded.count = max(1, min(plan.count, EnvoyLimits.simulatedMax))
        bounded.concurrency = max(1, min(plan.concurrency, 256))
        self.plan = bounded
    }

    /// Runs the plan to its end, or until `stop` is raised: what is under way is finished then, and nothing more is
    /// begun. `progress` is called after each envoy.
    public func run(
        until stop: StopFlag = StopFlag(), progress: @escaping @Sendable (Int, Int) -> Void
    ) async throws -> Report {
        let journal: Journal? = try plan.journal.map { path in try Journal(path: path) }
        let tally = Tally()
        await withDiscardingTaskGroup { group in
            let gate = Gate(plan.concurrency)
            for number in 1...plan.count {
                await gate.enter()
                if Task.isCancelled || stop.isRaised { break }
                group.addTask {
                    await simulate(number, until: stop, journal: journal, tally: tally)
                    await gate.leave()
                    progress(tally.finishOne(), plan.count)
                }
            }
        }
        return tally.report
    }

    private func simulate(_ number: Int, until stop: StopFlag, journal: Journal?, tally: Tally) async {
        let text = "\(plan.prefix)-\(number)"
        guard let name = PrincipalName(text) else { return }
        let directory = EnvoyDirectory("\(plan.directory)/\(text)")
        do {
            if !directory.isEnrolled {
                let admission = try await enroll(name, in: directory)
                journal?.write(
                    Journal.Entry(
                        event: "enrolled", name: text, id: admission.envoyID, level: admission.level,
                        storedThrough: nil))
            }
            tally.count { $0.enrolled += 1 }
        } catch {
            tally.count(reason: "\(text): \(error)") { $0.failedEnrolments += 1 }
            return
        }
        guard plan.passes > 0 else { return }
        await deliver(passes: directory, name: text, until: stop, journal: journal, tally: tally)
    }

    private func enroll(_ name: PrincipalName, in directory: EnvoyDirectory) async throws -> EnrolResponse {
        guard let token = plan.token else {
            throw EnvoyPortFailure(
                .rejected, code: "token_missing", reason: "it is not enrolled, and there is no token",
                next: "name one with --token")
        }
        let shift = abs(name.text.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF })
        let all = plan.addresses.isEmpty ? token.addresses : plan.addresses
        let turned = Array(all[(shift % all.count)...] + all[..<(shift % all.count)])
        let enroller = Enroller(directory: directory, token: token, addresses: turned)
        var backoff = Backoff()
        for attempt in 1...Self.attemptsMax {
            do {
                guard case .admitted(let response) = try await enroller.enroll(name: name, labels: [:]) else {
                    throw EnvoyPortFailure(
                        .rejected, code: "needs_approval", reason: "the token asks for an operator's approval",
                        next: "use a token that does not")
                }
                return response
            } catch let error as ClientError where attempt < Self.attemptsMax && error.isPassing {
                try await Task.sleep(for: backoff.next())
            }
        }
        throw EnvoyPortFailure(
            .unavailable, code: "unreachable", reason: "no bolt admitted it", next: "look at the bolts")
    }

    private func deliver(
        passes directory: EnvoyDirectory, name: String, until stop: StopFlag, journal: Journal?, tally: Tally
    ) async {
        do {
            let identity = try EnvoyIdentity.load(directory: directory.identityPath)
            let port = try BoltPort(identity.credential)
            let profile = try directory.profile()
            let machine = StandingFacts(
                id: identity.principal, name: profile.name, group: profile.group, labels: [:])
            let work = PolicyWork(machine: machine, sealingKey: identity.sealingKey, enforcer: ResolvingEnforcer())
            let agent = try EnvoyAgent(
                port: port, trust: try OwnerTrust(identity.credential),
                queue: try directory.openQueue(for: identity.principal),
                seeds: profile.bolts.map(\.address), seed: UInt64.random(in: .min ... .max),
                logger: Logger(label: "simulate") { _ in SwiftLogNoOpLogHandler() },
                policy: plan.takesPolicy ? work : nil,
                traits: { ["hostname": .string(name), "simulated": .bool(true)] })
            for _ in 0..<plan.passes {
                if Task.isCancelled || stop.isRaised { break }
                await agent.makeDue()
                switch try await agent.runOnce() {
                case .delivered(let response):
                    tally.count { $0.delivered += 1 }
                    let policy = await agent.policyInForce
                    journal?.write(
                        Journal.Entry(
                            event: "delivered", name: name, id: identity.principal, level: response.level,
                            storedThrough: response.storedThrough, releaseThrough: response.releaseThrough,
                            partition: response.owner.partition, register: response.register,
                            epoch: response.epoch, leaf: policy?.leaf, policySequence: policy?.sequence))
                case .partly(let waiting):
                    tally.count(reason: "\(name): \(waiting) records still wait") { $0.failedPasses += 1 }
                case .failed(let failure, _):
                    tally.count(reason: "\(name): \(failure)") { $0.failedPasses += 1 }
                }
            }
            try await agent.close()
        } catch {
            tally.count(reason: "\(name): \(error)") { $0.failedPasses += 1 }
        }
    }
}

extension ClientError {
    /// Whether the same request may succeed a little later.
    fileprivate var isPassing: Bool {
        kind == .unreachable || (problem.map { $0.status == 503 || $0.status == 429 || $0.status == 500 } ?? false)
    }
}

/// What all of them came to, counted as they go.
private final class Tally: Sendable {
    private static let reasonsMax = 8
    private let state = Mutex<(report: FleetSimulator.Report, done: Int)>((FleetSimulator.Report(), 0))

    var report: FleetSimulator.Report { state.withLock { $0.report } }

    /// One more is done; returns how many are.
    func finishOne() -> Int {
        state.withLock { state in
            state.done += 1
            return state.done
        }
    }

    func count(reason: String? = nil, _ change: @Sendable (inout FleetSimulator.Report) -> Void) {
        state.withLock { state in
            change(&state.report)
            if let reason, state.report.reasons.count < Self.reasonsMax { state.report.reasons.append(reason) }
        }
    }
}

/// Lets so many through at a time, in the order in which they came.
private actor Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
