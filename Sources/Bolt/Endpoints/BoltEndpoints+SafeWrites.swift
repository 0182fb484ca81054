internal import BoltAPI
internal import Foundation
internal import Spanner
internal import SpannerStore

extension BoltEndpoints {
    /// Where to ask instead, if this bolt is not the primary of its partition, or of the one that is named. A request
    /// that carries a secret is never passed on: the caller goes there itself.
    func elsewhere(_ request: HTTPRequestContext, of name: PartitionName? = nil) async throws -> HTTPAnswer? {
        let name = name ?? configuration.partition
        if name == configuration.partition, await partition.read({ $0.machine.role.reigns }) { return nil }
        let views = NodeViews(configuration: configuration)
        let picture = try await node.read { try views.picture($0, of: name) }
        guard let primary = picture.reigning, primary.bolt.fullName != configuration.fullName else {
            throw noPrimary(picture)
        }
        return .elsewhere(
            "\(primary.bolt.fullName) is primary of partition \(name)", address: primary.bolt.address,
            target: request.target)
    }

    /// Refuses what must be safe where it would not be: a partition of several bolts with no standby in sync.
    func requireSafeWrites(_ what: String) async throws {
        let (inSync, siblings) = await partition.read {
            ($0.machine.configuration?.inSync.count ?? 0, $0.surroundings.siblings.count)
        }
        guard siblings == 0 || inSync > 1 else {
            throw Problem(.notPaired, "no standby is in sync, and \(what) must not be kept on one disk alone")
        }
    }

    /// Writes commands that must be safe, with their line of the audit log first: there is no change without one.
    /// Answered once they are safe. Throws `Problem`; where that says `changed` they may yet come to be.
    func writeSafely(_ commands: [PartitionCommand]) async throws -> BoltAPI.AckLevel {
        switch await partition.write(commands, level: .paired) {
        case .done(let point, let level, let safe, let outcomes):
            for case .refused(let error) in outcomes { throw NodeService.problem(error) }
            guard point.position <= safe else {
                throw Problem(
                    .notPaired, "it is written here, at position \(point.position), and no standby has it yet",
                    status: 503, changed: true,
                    next: "see whether it came to be before trying again: \(looking)")
            }
            return level == .paired ? .paired : .local
        case .undecided:
            throw Problem(
                .noPrimary, "the reign changed hands meanwhile: whether it is kept shows at the new primary",
                changed: true, next: "look before trying again: \(looking)")
        case .refused(let refusal): throw BoltEndpoints.problem(refusal)
        }
    }

    /// Where it shows whether a change of a seal or secret came to be.
    private var looking: String {
        let name = configuration.partition
        return "boltctl secret list --partition \(name), boltctl seal status --partition \(name)"
    }

    static func problem(_ refusal: PartitionRefusal) -> Problem {
        switch refusal {
        case .notPrimary, .handingOver: Problem(.noPrimary, "this bolt is not primary any more; nothing was changed")
        case .notPaired: Problem(.notPaired, "no standby is in sync; nothing was changed")
        case .overloaded: Problem(.tooManyRequests, "too many changes wait for the disk", status: 503)
        case .tooLarge: Problem(.tooLarge, "it is too large for one record of the journal")
        case .storage(.full): PartitionService.diskFull
        case .storage: Problem(.storeFailure, "the bolt's disk did not take it; nothing was acknowledged")
        }
    }

    /// A line of the audit log about what this operator asks for.
    func audit(_ action: String, _ object: String, _ reason: String, _ request: HTTPRequestContext) -> AuditEntry {
        AuditEntry(
            at: WallClock.now(), actor: "operator/\(request.principal?.name.text ?? "unknown")", action: action,
            object: object, reason: reason)
    }

    /// The reason of a request within its limit.
    func checked(reason: String) throws -> String {
        guard reason.utf8.count <= PartitionLimits.reasonBytesMax else {
            throw Problem(.badRequest, "a reason has at most \(PartitionLimits.reasonBytesMax) bytes")
        }
        return reason
    }
}
