import BoltAPI
import BoltClient
import CRDT
import Spanner

/// Brings an operator's decision to a bolt and, where asked, waits until it is in force everywhere.
struct ActPoster {
    let session: Session
    let mutation: MutationOptions
    /// Who is to carry acts, where that is not just any bolt: its partition has them in its audit log.
    var carrier: BoltClient?

    /// The mesh as one bolt sees it, with those whom `subject` names.
    func context(subject: String?, role: PrincipalRole?) async throws -> RosterContextResponse {
        try await session.client.call(
            .rosterContext, query: [("subject", subject), ("role", role?.apiText)])
    }

    /// The one principal of a role that `subject` names.
    func subject(_ subject: String, role: PrincipalRole) async throws -> (PrincipalView, RosterContextResponse) {
        let context = try await context(subject: subject, role: role)
        let found = context.subjects.filter { $0.role == role }
        guard let first = found.first else {
            throw CommandFailure(
                "not_found", "no \(role.apiText) has the name, id or fingerprint \(subject)",
                next: role == .envoy ? "boltctl envoy explain \(subject)" : "boltctl \(role.apiText) list")
        }
        guard found.count == 1 else {
            throw CommandFailure(
                "ambiguous", "\(found.count) \(role.apiText)s are named \(subject)",
                reason: found.map { "\($0.id) with the key \($0.fingerprint.bytes.shortHex)" }.joined(separator: "; "),
                next: "name one by its id or fingerprint, or boltctl roster conflicts")
        }
        return (first, context)
    }

    /// Signs and posts a decision; on a dry run the bolt checks it and changes nothing.
    func post(_ operation: OperatorAct.Operation) async throws -> ChangeResponse {
        let act = try ActSigner(session.operatorIdentity).sign(operation, reason: mutation.reason)
        return try await post(act)
    }

    /// Posts a signed decision.
    func post(_ act: SignedAct) async throws -> ChangeResponse {
        try await (carrier ?? session.client).call(.postAct, query: mutation.query, body: PostActRequest(act))
    }

    /// The receipt of an event, polled until it is complete or the time is over.
    func receipt(of dot: Dot, seconds: Double) async throws -> ReceiptResponse {
        let complete: ReceiptResponse? = try await Waiting.until(seconds: seconds, every: .milliseconds(100)) {
            let receipt: ReceiptResponse = try await session.client.call(
                .rosterReceipt, query: [("dot", dot.apiText)])
            // A bolt that cannot be asked will not answer sooner for our waiting.
            return receipt.bolts.contains { $0.state == .waiting } ? nil : receipt
        }
        if let complete { return complete }
        return try await session.client.call(.rosterReceipt, query: [("dot", dot.apiText)])
    }

    /// One line for people of what was done.
    static func line(_ change: ChangeResponse) -> String {
        let told = change.dryRun && !change.effects.isEmpty ? ["would be so:"] : []
        let effects = (told + change.effects.map { change.dryRun ? "  \($0)" : $0 }).joined(separator: "\n")
        let tail = change.dryRun ? "dry run: nothing was changed" : "acknowledged at \(change.level)"
        return effects.isEmpty ? tail : "\(effects)\n\(tail)"
    }
}
