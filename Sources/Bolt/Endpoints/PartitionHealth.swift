internal import BoltAPI
internal import Spanner

/// How a bolt's part in its partition looks from outside.
enum PartitionHealth {
    /// The state and why it is so; nothing where it reigns.
    static func state(of standing: PartitionStanding) -> (HealthResponse.State, [String]) {
        let reasons = standing.reason.isEmpty ? [] : [standing.reason]
        switch standing.role {
        case .primary, .handingOver: return (.active, reasons)
        case .waiting: return (.waiting, reasons)
        case .fenced: return (.fenced, reasons)
        case .candidate: return (.orphaned, reasons)
        case .standby:
            guard standing.primary != nil else { return (.orphaned, reasons) }
            return (standing.isInSync ? .standby : .behind, reasons)
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
