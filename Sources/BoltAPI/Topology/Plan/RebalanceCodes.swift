public import Spanner

extension RebalanceRefusal {
    /// Stable name of the kind: lower case, words joined by underscores.
    public var code: String {
        switch self {
        case .notServing: "not_serving"
        case .weightless: "weightless"
        case .draining: "draining"
        case .leaving: "leaving"
        case .unknown: "unknown"
        case .unreachable: "unreachable"
        case .sealed: "sealed"
        case .notInSync: "not_in_sync"
        case .older: "older"
        case .lacksSecrets: "lacks_secrets"
        case .tooFewZones: "too_few_zones"
        case .full: "full"
        case .nobody: "nobody"
        }
    }
}

extension RebalancePlan.Why {
    /// Stable name of the kind: lower case, words joined by underscores.
    public var code: String {
        switch self {
        case .drain: "drain"
        case .leaving: "leaving"
        case .weightless: "weightless"
        case .notServing: "not_serving"
        case .balance: "balance"
        }
    }
}
