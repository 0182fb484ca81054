/// A whole run: what all writers were told, and what the disks hold at its end.
public struct MeshHistory: Hashable, Sendable, Codable {
    /// The writers.
    public var writers: [WriterHistory]
    /// The partitions; none while the run goes on.
    public var partitions: [PartitionEnd]
    /// Bans that were acknowledged.
    public var bans: [BanRecord]
    /// What banned envoys met at the end.
    public var probes: [BanProbe]
    /// Times without a lease engine.
    public var absences: [EngineAbsence]
    /// Disks on which bits flipped.
    public var strikes: [RotStrike]
    /// Standbys that came back with an emptied disk.
    public var returns: [EmptyReturn]
    /// Whole agents, whose process is killed too.
    public var agents: [AgentHistory]

    /// A run.
    public init(
        writers: [WriterHistory], partitions: [PartitionEnd], bans: [BanRecord] = [], probes: [BanProbe] = [],
        absences: [EngineAbsence] = [], strikes: [RotStrike] = [], returns: [EmptyReturn] = [],
        agents: [AgentHistory] = []
    ) {
        (self.writers, self.partitions, self.bans, self.probes) = (writers, partitions, bans, probes)
        (self.absences, self.strikes, self.returns, self.agents) = (absences, strikes, returns, agents)
    }
}

/// A guarantee that a history breaks.
public struct Violation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// What is wrong.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// P1, P3: a result that was promised never to be lost is not there.
        case lost
        /// P1: a lower epoch paired something after a higher one had.
        case twoPrimaries = "two_primaries"
        /// P4: two disks hold different records at a place that both call safe.
        case diverged
        /// P4: two first records of one epoch.
        case twoBegins = "two_begins"
        /// P5: a result is there twice, or out of order.
        case duplicated
        /// P5: a result stands behind one that was made later.
        case disordered
        /// P5: a queue goes on under another name, though its disk was never lost: its results may be there twice.
        case startedOver = "started_over"
        /// P5: other bytes than were sent.
        case altered
        /// P5: a result that nobody sent.
        case invented
        /// P5: what counts as stored is not there.
        case gap
        /// P5: more was acknowledged than was sent, or may be deleted than is stored.
        case acknowledgedTooMuch = "acknowledged_too_much"
        /// P5, P6: what is stored, or may be deleted, went back.
        case wentBack = "went_back"
        /// P6: a writer deleted what no answer let it delete.
        case deletedTooMuch = "deleted_too_much"
        /// P7: two partitions hold one queue.
        case twoOwners = "two_owners"
        /// P9: an epoch began while no lease engine could have asked for it.
        case promotedAlone = "promoted_alone"
        /// P9: a primary stopped answering because its lease engine was away.
        case stoppedWithEngine = "stopped_with_engine"
        /// P4: a disk that forgot what it promised counted as in sync, or was promoted.
        case forgetfulCounted = "forgetful_counted"
        /// D4: a bolt went on over a disk that is not what was written.
        case rotUnnoticed = "rot_unnoticed"
        /// R2: a banned envoy was served.
        case banIgnored = "ban_ignored"
        /// D3, D4: a store that is not whole.
        case damaged
        /// Not in time: a partition without a primary.
        case noPrimary = "no_primary"
        /// Not in time: a disk that does not hold what is safe.
        case behind
        /// Not in time: a writer still holds results.
        case undelivered

        /// The guarantee's id.
        public var guarantee: String {
            switch self {
            case .lost, .twoPrimaries: "P1"
            case .diverged, .twoBegins, .forgetfulCounted: "P4"
            case .duplicated, .disordered, .startedOver, .altered, .invented, .gap, .acknowledgedTooMuch, .wentBack:
                "P5"
            case .deletedTooMuch: "P6"
            case .twoOwners: "P7"
            case .promotedAlone, .stoppedWithEngine: "P9"
            case .rotUnnoticed: "D4"
            case .banIgnored: "R2"
            case .damaged: "D3"
            case .noPrimary, .behind, .undelivered: "convergence"
            }
        }
    }

    /// What is wrong.
    public let kind: Kind
    /// Whose: a writer, a bolt or a partition.
    public let subject: String
    /// Evidence, for people.
    public let detail: String

    /// A violation.
    public init(_ kind: Kind, _ subject: String, _ detail: String) {
        (self.kind, self.subject, self.detail) = (kind, subject, detail)
    }

    /// Guarantee, kind, subject, evidence.
    public var description: String { "\(kind.guarantee) \(kind.rawValue): \(subject): \(detail)" }
}
