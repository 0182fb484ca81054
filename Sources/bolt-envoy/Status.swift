import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Spanner
import SpannerStore

/// `bolt-envoy status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows who this envoy is, its policy, what waits in its queue, and what came of its last reports.",
        discussion: """
            Reads the agent's folder alone; asks nobody. While the agent runs, the queue is as the agent saw it last.

              bolt-envoy status
              bolt-envoy status --state /tmp/envoy -o json
            """)

    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        do {
            let report = try StatusReport(EnvoyDirectory(state.state))
            try output.emit(report, lines: report.lines)
        } catch {
            throw CommandFailure(error, doing: "show the agent's state")
        }
    }
}

/// What `status` shows.
struct StatusReport: Encodable {
    /// Whether reports reach their owner.
    enum Reporting: String, Encodable {
        /// The last one was taken.
        case working
        /// The last one was not: no bolt was reached, or none took it.
        case failing
        /// The mesh refuses this envoy.
        case refused
        /// None was tried yet.
        case never
    }

    let profile: EnvoyDirectory.Profile
    let certificateEnds: String
    let isExpired: Bool
    let reporting: Reporting
    let agent: Agent
    let queue: ReportHistory.Queue?
    let oldestAgeSeconds: Double?
    let history: ReportHistory?
    private let now = Date().timeIntervalSince1970

    /// Whether an agent has the queue.
    struct Agent: Encodable {
        var running: Bool
        var pid: Int32?
    }

    /// Reads an agent's directory. The queue is opened, and left as it was, where no agent runs.
    init(_ directory: EnvoyDirectory) throws {
        try directory.requireEnrolled()
        profile = try directory.profile()
        let certificate = try EnvoyIdentity.load(directory: directory.identityPath).credential.own
        certificateEnds = "\(certificate.notAfter)"
        isExpired = certificate.notAfter < .now()
        history = Self.history(in: directory)
        do {
            let opened = try directory.openQueue()
            let (held, oldest) = (try opened.held(), try opened.oldest())
            try opened.close()
            agent = Agent(running: false)
            queue = ReportHistory.Queue(
                records: held.items, bytes: held.bytes, dropped: held.dropped, oldest: oldest)
        } catch {
            guard error.code == .locked else { throw error }
            var holder: Int32?
            if case .holder(let pid)? = error.detail { holder = pid }
            agent = Agent(running: true, pid: holder)
            queue = history?.queue
        }
        oldestAgeSeconds = queue?.oldest.map { [now] in max(0, now - Double($0.milliseconds) / 1000) }
        reporting =
            switch history {
            case let history? where history.isFailing:
                history.failure?.kind == .refused ? .refused : .failing
            case let history? where history.stored != nil: .working
            case _: .never
            }
    }

    /// What was noted, with the age of the policy as it is now: nobody notes it where no agent runs.
    private static func history(in directory: EnvoyDirectory) -> ReportHistory? {
        var history = directory.history()
        if let version = history?.policy?.version {
            let now = WallTime(milliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1000)))
            history?.policy?.version?.standing = version.standing(now: now)
        }
        return history
    }

    // MARK: For people

    var lines: [String] {
        var lines = [
            "name         \(profile.name)", "id           \(profile.id)", "issuer       \(profile.partition)",
            "group        \(profile.group.map { "\($0)" } ?? "-")",
            "certificate  until \(certificateEnds)\(isExpired ? ", EXPIRED: bolt-envoy rekey, or enrol anew" : "")",
            "bolts        \(profile.bolts.map(\.address).joined(separator: ", "))",
            "agent        \(agent.running ? "running\(agent.pid.map { " (process \($0))" } ?? "")" : "not running")",
            "queue        \(queueText)", "reporting    \(reporting.rawValue)",
        ]
        if let bolts = history?.bolts {
            lines.append("known bolts  \(bolts.count), \(bolts.signedBy.map { "signed by \($0)" } ?? "not signed")")
            if let addresses = bolts.addresses {
                let asked = StatusText.bolts(addresses, of: bolts.asked ?? addresses.count)
                lines.append("asks         \(asked)")
            }
        }
        if let stored = history?.stored {
            let word = stored.keptBy == nil ? "last stored  " : "last kept    "
            lines.append(word + StoredText.last(stored, ago: ago(stored.at.milliseconds)))
        }
        if let failure = history?.failure {
            let times = history?.isFailing == true && failure.inARow > 1 ? ", \(failure.inARow) in a row" : ""
            lines.append("last failure \(ago(failure.at.milliseconds)) ago at \(failure.address)\(times)")
            lines.append("  why:  \(failure.reason) [\(failure.code)]")
            let isTriedAgain = agent.running && history?.nextAttempt != nil
            if let next = StatusText.next(of: failure, isTriedAgain: isTriedAgain) { lines.append("  next: \(next)") }
        }
        lines += policyLines + renewalLines
        if agent.running, let next = history?.nextAttempt {
            lines.append("next report  in \(age(Double(next.milliseconds) / 1000 - now))")
        }
        // Reasons are of bolts, names of revisions of whoever publishes: none of them stands as a line of its own.
        return lines.map { TerminalText.line($0) }
    }

    private var policyLines: [String] {
        guard let policy = history?.policy else { return ["policy       none was given yet"] }
        var lines: [String] = []
        if let version = policy.version {
            let name = version.revision.isEmpty ? "" : " \(version.revision)"
            lines.append(
                "policy       \(version.partition) \(version.epoch).\(version.sequence)\(name), made "
                    + "\(ago(version.made.milliseconds)) ago, \(version.standing)")
            let heard = policy.heard.map { ", its owner heard \(ago($0.milliseconds)) ago" } ?? ""
            lines.append("  taken \(version.accepted.map { "\(ago($0.milliseconds)) ago" } ?? "before")\(heard)")
            if let terms = StatusText.terms(of: version) { lines.append("  too old: \(terms)") }
        } else {
            lines.append("policy       none is in force")
        }
        if let note = policy.note { lines.append("  note: \(note)") }
        if let trouble = policy.trouble {
            lines.append("  why:  \(trouble.reason) [\(trouble.code.rawValue)]")
            lines.append("  next: \(trouble.next)")
        }
        if let pass = policy.lastPass {
            let counts = pass.counts.map {
                ": \($0.changed) changed, \($0.failed) failed, \($0.skipped) passed over, \($0.unchanged) unchanged"
            }
            let away = pass.isOffline ? ", its owner not heard" : ""
            lines.append(
                "last pass    \(ago(pass.at.milliseconds)) ago, \(pass.outcome.rawValue)\(away)\(counts ?? "")")
            if let failure = pass.failure { lines.append("  why:  \(failure)") }
        }
        if agent.running, let since = policy.passingSince {
            lines.append("this pass    goes on, since \(ago(since.milliseconds))")
        }
        if agent.running, let next = policy.nextPass {
            lines.append("next pass    in \(age(Double(next.milliseconds) / 1000 - now))")
        }
        return lines
    }

    private var renewalLines: [String] {
        guard let renewal = history?.renewal, let failure = renewal.failure else { return [] }
        let times = renewal.failures > 1 ? ", \(renewal.failures) times in a row" : ""
        return [
            "WARNING      the certificate could not be renewed\(times); it ends in "
                + age(Double(renewal.end.milliseconds) / 1000 - now), "  why:  \(failure)",
            "  next: it is tried again; if it goes on: bolt-envoy rekey",
        ]
    }

    private var queueText: String {
        guard let queue else { return "not known yet" }
        let oldest = oldestAgeSeconds.map { ", the oldest \(age($0)) old" } ?? ""
        let dropped = queue.dropped > 0 ? "; full: \(queue.dropped) were dropped" : ""
        return "\(queue.records) records, \(queue.bytes) bytes\(oldest)\(dropped)"
    }

    private func ago(_ milliseconds: UInt64) -> String { age(now - Double(milliseconds) / 1000) }

    // MARK: For scripts

    enum CodingKeys: String, CodingKey {
        case profile, waiting, queue, agent, reporting, policy, renewal
        case bolts = "known_bolts"
        case certificateEnds = "certificate_not_after"
        case oldestAgeSeconds = "oldest_age_seconds"
        case stored = "last_stored"
        case failure = "last_failure"
        case nextAttempt = "next_attempt_at_ms"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(profile, forKey: .profile)
        try container.encode(certificateEnds, forKey: .certificateEnds)
        try container.encode(agent, forKey: .agent)
        try container.encode(reporting, forKey: .reporting)
        try container.encodeIfPresent(queue?.records, forKey: .waiting)
        try container.encodeIfPresent(queue, forKey: .queue)
        try container.encodeIfPresent(oldestAgeSeconds, forKey: .oldestAgeSeconds)
        try container.encodeIfPresent(history?.stored, forKey: .stored)
        try container.encodeIfPresent(history?.failure, forKey: .failure)
        try container.encodeIfPresent(history?.bolts, forKey: .bolts)
        try container.encodeIfPresent(history?.policy, forKey: .policy)
        try container.encodeIfPresent(history?.renewal, forKey: .renewal)
        if agent.running { try container.encodeIfPresent(history?.nextAttempt, forKey: .nextAttempt) }
    }
}
