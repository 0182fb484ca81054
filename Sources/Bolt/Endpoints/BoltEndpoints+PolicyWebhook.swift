internal import BoltAPI
internal import Foundation
internal import Spanner
internal import Synchronization

/// What git forges tell. A forge has one address configured, and primaries change: any bolt of the partition takes its
/// word, and brings it to the primary.
extension BoltEndpoints {
    /// A git forge says that something was pushed: the partition's source is looked at.
    func hearForge(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let webhook else {
            throw Problem(.notFound, "no webhook is configured here", next: "set policy.webhook_secret_file")
        }
        switch webhook.judge(signature: request.signature, body: Array(request.body), now: .now) {
        case .taken: break
        case .forged: throw Problem(.notAuthenticated, "the body is not signed with the webhook's secret")
        case .tooMany: throw Problem(.tooManyRequests, "too many calls: the source is looked at before long")
        }
        let told = try? APIJSON.decode(PolicyWebhookRequest.self, from: request.body)
        let branch = if case .git(let remote) = configuration.policy.source { remote.branch } else { "" }
        let isOurs = told?.ref.map { branch.isEmpty || $0 == "refs/heads/\(branch)" } ?? true
        if isOurs { try await wakeSource() }
        return try .json(PolicyWebhookResponse(accepted: isOurs), status: 202)
    }

    /// Wakes the source of this partition's primary, here or there. Throws `Problem`, which a forge shows to people;
    /// nothing is lost by that, since the primary looks by itself after each interval.
    private func wakeSource() async throws {
        let (name, views) = (configuration.partition, NodeViews(configuration: configuration))
        let picture = try await node.read { try views.picture($0, of: name) }
        guard let primary = picture.reigning else { throw noPrimary(picture) }
        guard primary.bolt.fullName != configuration.fullName else { return source.wake() }
        let wake = try APIJSON.encode(PeerPolicyWakeRequest(partition: name))
        let why: String
        do {
            let answer = try await forwarder.post(wake, to: Endpoint.peerPolicyWake.path, at: primary.bolt.address)
            guard answer.status >= 300 else { return }
            let problem = try? APIJSON.decode(Problem.self, from: answer.body)
            why = problem?.detail ?? "it answers \(answer.status)"
        } catch let problem as Problem { why = problem.detail }
        let (bolt, seconds) = (primary.bolt.fullName, configuration.policy.interval.components.seconds)
        throw Problem(
            .ownerUnreachable, "\(bolt) looks at the source of partition \(name), and was not told: \(why)",
            next: "call again; without that, \(bolt) looks by itself about every \(seconds) s")
    }

    /// Another bolt of this partition heard a forge. It is looked at here or nowhere: a wake is never passed on again,
    /// so that bolts which do not agree who reigns send nothing in a circle.
    func hearWake(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(PeerPolicyWakeRequest.self)
        let own = configuration.partition
        guard body.partition == own, request.principal?.partition == own else {
            throw Problem(.notPermitted, "only bolts of partition \(own) wake its source")
        }
        guard partition.board.withLock({ $0.standing.reigns }) else { throw PolicyProblems.noReign(own) }
        source.wake()
        return try .json(PolicyWebhookResponse(accepted: true), status: 202)
    }
}
