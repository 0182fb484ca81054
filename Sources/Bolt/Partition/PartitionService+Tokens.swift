internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

/// What became of a one-shot token.
enum TokenSpending: Sendable {
    /// It is spent, safely, on this admission: the one that was asked for, or that of an earlier request of the same
    /// key.
    case spent(Admission)
    /// It is not, or not for this key.
    case refused(Problem)
    /// Another bolt reigns: ask there. A repeat is harmless.
    case elsewhere
}

extension PartitionService {
    /// Spends the token of an admission on it, once in the partition's life whoever reigns: answered when that is safe.
    func spend(_ admission: Admission) async -> TokenSpending {
        guard machine.role.reigns, broken == nil, !closed else { return .elsewhere }
        guard let token = admission.token else {
            return .refused(Problem(.badRequest, "the admission names no token"))
        }
        let command = PartitionCommand.tokenSpent(
            token, key: admission.tlsKey, admission: admission.standaloneBytes, at: WallClock.now())
        // A repeat is written as well: when it is safe, so is what it repeats.
        switch await write([command], level: .paired) {
        case .done(let point, _, let safe, let outcomes):
            if case .refused(let error) = outcomes.first {
                guard error.code == .conflict else { return .refused(NodeService.problem(error)) }
                return .refused(Problem(.tokenSpent, "another key spent the token before"))
            }
            guard point.position <= safe else {
                return .refused(
                    Problem(
                        .notPaired, "no standby is in sync, and a token must not be spent on one disk alone",
                        status: 503))
            }
            return spent(token)
        case .undecided: return isFull && machine.role.reigns ? .refused(PartitionService.diskFull) : .elsewhere
        case .refused(let refusal):
            switch refusal {
            case .notPrimary, .handingOver: return .elsewhere
            case .storage(.full): return .refused(PartitionService.diskFull)
            case .overloaded:
                return .refused(Problem(.tooManyRequests, "too many changes wait for the disk", status: 503))
            case .storage, .notPaired, .tooLarge:
                return .refused(Problem(.storeFailure, "the bolt's disk did not take it; nothing was acknowledged"))
            }
        }
    }

    private func spent(_ token: TokenID) -> TokenSpending {
        do {
            guard let known = try store.tables.tokens.token(token) else { return .elsewhere }
            return .spent(try Admission(standaloneBytes: known.admission))
        } catch let error as StoreError {
            fail(error, "reading a spent token")
            return .refused(NodeService.problem(error))
        } catch {
            return .refused(Problem(.internalError, "the admission of token \(token) cannot be read"))
        }
    }
}
