import BoltAPI
import BoltClient
import CRDT
import Spanner

/// Has the primary of a partition of several leave a living standby out, before the admission of its bolt ends.
///
/// A removal is no epoch, so no journal says by its id what became of it: it is asked for again under the same id,
/// which joins the one that runs.
struct MemberRemoval {
    /// The standby, `name.partition`.
    let bolt: String
    let session: Session
    let waiting: OperationOptions
    let operation: OperationID

    /// Has the primary say whether it would refuse; changes nothing.
    func rehearse(_ partition: PartitionResponse, reason: String) async throws {
        guard let primary = try primary(of: partition) else { return }
        let answer = try await ask(primary, partition.partition.name, reason: reason, dryRun: true)
        for effect in answer.effects { Console.note(effect) }
    }

    /// Asks until it is done or refused, or the time is over; says meanwhile what it waits for.
    func carryOut(_ partition: PartitionResponse, reason: String) async throws {
        guard var primary = try primary(of: partition) else { return }
        let name = partition.partition.name
        var progress = Progress()
        var isAsked = false
        let isDone: Bool? = try await Waiting.until(seconds: waiting.timeout, every: .milliseconds(200)) {
            let (reigning, wasAsked) = (primary, isAsked)
            let answer = try await Patience.telling(
                "waiting for \(primary.name): that \(bolt) is out has to be safe on every disk in sync"
            ) { try await ask(reigning, name, reason: reason, dryRun: false, wasAsked: wasAsked) }
            guard answer.outcome == .running else { return true }
            isAsked = true
            progress.say("\(primary.name) has not done it yet; operation \(operation)")
            // Somebody else may reign by now, whose log says what became of it.
            let now: PartitionResponse? = try? await session.client.call(.partition, [name.text])
            if let now, let next = try? self.primary(of: now) { primary = next }
            return nil
        }
        guard isDone == nil else { return Console.note("\(bolt) is no member of \(name) any more") }
        throw MemberRemoval.stillOpen(operation, bolt, name, seconds: waiting.timeout)
    }

    /// What is said of a removal that came to no end in time.
    static func stillOpen(
        _ operation: OperationID, _ bolt: String, _ name: PartitionName, seconds: Double
    ) -> CommandFailure {
        CommandFailure(
            "still_open", "\(bolt) was not taken out of \(name) within \(Int(seconds)) s",
            reason: "nobody has said yet that this is safe on every disk in sync; its admission stands",
            next: "see who is in sync: boltctl partition show \(name); then ask again: "
                + "boltctl bolt remove \(bolt) --operation \(operation)",
            changed: true, status: .running)
    }

    /// Who has to do it; nil where there is nothing to be taken out of.
    private func primary(of partition: PartitionResponse) throws -> (name: String, address: String)? {
        let view = partition.partition
        let member = view.members.first { $0.bolt == bolt }
        // Who is no member any more, or never was one, has nothing to be left out of.
        guard view.bolts.count > 1, let member else { return nil }
        guard let primary = view.primary, member.reported != nil else {
            throw CommandFailure(
                "cannot_take_out", "\(bolt) cannot be taken out of \(view.name) in good order",
                reason: view.primary == nil
                    ? "nothing was changed: nobody is primary of \(view.name), who would leave it out"
                    : "nothing was changed: \(bolt) cannot be reached, and may hold what others lack",
                next: "bring it back first; if its disk is gone for good: boltctl bolt remove \(bolt) --dead",
                status: .refused)
        }
        guard primary != bolt else {
            throw CommandFailure(
                "removes_primary", "\(bolt) is primary of \(view.name)", reason: "nothing was changed",
                next: "hand over first: boltctl bolt step-down \(bolt)", status: .refused)
        }
        return (primary, try PartitionOperator.address(of: primary, in: partition))
    }

    /// One request. Where it was asked for before, a primary that is away or no primary any more ends nothing.
    private func ask(
        _ primary: (name: String, address: String), _ name: PartitionName, reason: String, dryRun: Bool,
        wasAsked: Bool = false
    ) async throws -> OperationResponse {
        let client = try session.client(of: primary.address)
        defer { client.close() }
        do throws(ClientError) {
            return try await client.call(
                .removeMember, [name.text], query: [("dry_run", dryRun ? "true" : nil)],
                body: RemoveMemberRequest(operation: operation, bolt: bolt, reason: reason))
        } catch {
            // It may have been done although no answer came: the next request says so.
            guard !dryRun, error.mayHaveChanged || (wasAsked && Self.isPassing(error)) else { throw error }
            return OperationResponse(operation: operation, partition: name, bolt: primary.name, outcome: .running)
        }
    }

    /// Whether it says no more than that a reign just ends or begins.
    static func isPassing(_ error: ClientError) -> Bool {
        guard let problem = error.problem else { return error.kind == .unreachable }
        return problem.status == 503 || [.notPrimary, .operationRuns].contains(problem.code)
    }
}
