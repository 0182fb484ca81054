internal import CRDT

/// What is known from events, in a form that answers questions fast. Facts only ever arrive; what follows from them is
/// worked out when asked, so that nothing derived can go stale.
struct RosterFacts: Sendable {
    /// What an event left behind for others to refer to.
    enum Slot: Hashable, Sendable {
        case nothing
        case admission(Int)
        case amendment(Int)

        private static let amendmentBit: UInt32 = 1 << 31

        var raw: UInt32 {
            switch self {
            case .nothing: 0
            case .admission(let place): UInt32(place) + 1
            case .amendment(let place): (UInt32(place) + 1) | Slot.amendmentBit
            }
        }

        init(raw: UInt32) {
            if raw == 0 {
                self = .nothing
            } else if raw & Slot.amendmentBit == 0 {
                self = .admission(Int(raw - 1))
            } else {
                self = .amendment(Int(raw & ~Slot.amendmentBit) - 1)
            }
        }
    }

    struct AmendmentFact: Sendable {
        let dot: PackedDot
        let amendment: Amendment
        var ends: [EndSource] = []
    }

    struct ActFact: Sendable {
        let verified: VerifiedAct
        /// Events that carry it.
        var carriers: [PackedDot]
        /// The admission that it makes.
        var admission: Int?
    }

    struct TokenFact: Sendable {
        let dot: PackedDot
        let record: JoinTokenRecord
    }

    struct OwnershipEntry: Sendable {
        let dot: PackedDot
        let fact: OwnershipFact
    }

    var admissions = AdmissionTable()
    var lineage = Lineage()
    var amendments: [AmendmentFact] = []
    var amendmentsOfAdmission: [Int: [Int]] = [:]
    var amendmentsToKey: [KeyFingerprint: [Int]] = [:]
    /// Admissions of which an amendment says another group, in force or not.
    var regrouped: Set<Int> = []
    /// Grows with whatever may change what follows from them.
    var regroupingChanges = 0
    var acts: [ActFact] = []
    var actPlaces: [Bytes32: Int] = [:]
    var actOfAdmission: [Int: Int] = [:]
    var bans: [Int] = []
    var tokens: [TokenID: [TokenFact]] = [:]
    var tokenUses: [TokenID: Int] = [:]
    var revocations: [TokenID: [Int]] = [:]
    /// Topologies and transitions of slices, in the order of arrival.
    var ownership: [OwnershipEntry] = []
    /// Names and ids that more than one key claimed, ever; and names of principals with two new keys.
    var crowdedNames: Set<PrincipalName> = []
    /// Per history, what each of its events left behind.
    var slots: [[UInt32]] = []
    /// What refers to events that have not arrived.
    var pendingEnds: [Dot: [EndSource]] = [:]
    var pendingAmendments: [Dot: [Int]] = [:]
}
