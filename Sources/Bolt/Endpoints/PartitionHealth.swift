internal import BoltAPI
internal import Spanner

/// How a bolt's part in its partition looks from outside.
enum PartitionHealth {
    /// The state and why it is so; nothing where it reigns. `primary` is the last word of the primary that it follows:
    /// who just woke takes itself to be in sync by a log of its own that the primary may have gone on without.
    static func state(
        of standing: PartitionStanding, by primary: PartitionStanding?
    ) -> (HealthResponse.State, [String]) {
        let reasons = standing.reason.isEmpty ? [] : [standing.reason]
        switch standing.role {
        case .primary, .handingOver: return (.active, reasons)
        case .waiting: return (.waiting, reasons)
        case .fenced: return (.fenced, reasons)
        case .candidate: return (.orphaned, reasons)
        case .standby:
            // It goes on following whom it heard last: only a link tells that somebody is there.
            let isHeard = standing.members.contains { $0.disk == standing.primary && $0.isLinked }
            guard isHeard else { return (.orphaned, reasons.isEmpty ? ["no primary is heard"] : reasons) }
            guard standing.isInSync else { return (.behind, reasons) }
            let isCounted = primary?.members.contains { $0.disk == standing.disk && $0.isInSync } ?? false
            return isCounted ? (.standby, reasons) : (.behind, reasons + ["the primary does not count it in sync"])
        }
    }

    /// Whether requests may be sent to a bolt in that state: it answers them, or knows who does.
    static func isReady(_ state: HealthResponse.State) -> Bool {
        switch state {
        case .active, .standby, .behind: true
        case .orphaned, .maintenance, .sealed, .notInitialised, .waiting, .starting, .draining, .removed, .fenced: false
        }
    }
}
