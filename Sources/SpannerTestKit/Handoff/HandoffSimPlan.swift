import Spanner

/// What happens in a directed run: one handoff without random faults, and what is done to it.
public enum HandoffSimStory: String, CaseIterable, Hashable, Sendable {
    /// Nothing: the slice moves.
    case move
    /// What the target says it holds does not arrive until the seal is taken back.
    case unseal
    /// The source's journal does not go back far enough until the target throws away what it has.
    case rewind
    /// An operator cancels it when the first piece is stored.
    case cancel
    /// The target is lost when it was handed the slice and has not heard of it; a third one takes over.
    case targetLost = "target lost"
    /// The same, and the source takes over what it handed on.
    case targetLostBack = "target lost, taken back"
    /// The source is lost when the target holds everything; a third one takes over.
    case sourceLost = "source lost"
    /// The same, and the target takes over.
    case sourceLostForth = "source lost, target takes over"
    /// The source is lost for good, with its disks, when the target holds everything; a third one takes over.
    case sourceGone = "source gone"
    /// The same, and the target takes over.
    case sourceGoneForth = "source gone, target takes over"
    /// The source is lost sealed, a third one takes over, and the source is back before it can hear of that.
    case unheard
    /// The source is lost with a hand-on that is safe and nobody heard of; a third one takes over what the target owns.
    case untold
    /// The source's standbys go away when it sealed, before one has that, and are back long after the seal's time.
    case alone

    /// Whether the source is back without knowing what others know.
    var isDeaf: Bool { self == .unheard || self == .untold }
    /// Whether the lost partition's disks are lost too.
    var isWiped: Bool { self == .sourceGone || self == .sourceGoneForth }
    /// Whether the target is who is lost.
    var losesTarget: Bool { self == .targetLost || self == .targetLostBack }
    /// Whether the source is lost when the target holds everything.
    var losesSource: Bool {
        switch self {
        case .sourceLost, .sourceLostForth, .sourceGone, .sourceGoneForth, .unheard: true
        case .move, .unseal, .rewind, .cancel, .targetLost, .targetLostBack, .untold,
            .alone:
            false
        }
    }
}

/// A step of a handoff that either side journals.
public enum HandoffSimStep: String, CaseIterable, Hashable, Sendable {
    // The source's.
    case begun, sealed, unsealed, handedOn = "handed on", released, removed, collected, cancelled, overtaken
    // The target's.
    case opened, stored, truncated, held, adopted, dropped, claimed

    /// The step that a record is; nil for what is none of a handoff's.
    init?(_ content: HandoffSimContent) {
        switch content {
        case .begin, .write, .join, .forget: return nil
        case .remove: self = .removed
        case .source(let record): self.init(record)
        case .target(let record): self.init(record)
        }
    }

    private init(_ record: HandoffSourceRecord) {
        switch record {
        case .begun: self = .begun
        case .sealed: self = .sealed
        case .unsealed: self = .unsealed
        case .handedOn: self = .handedOn
        case .released: self = .released
        case .collected: self = .collected
        case .cancelled: self = .cancelled
        case .overtaken: self = .overtaken
        }
    }

    private init(_ record: HandoffTargetRecord) {
        switch record {
        case .opened: self = .opened
        case .stored: self = .stored
        case .truncated: self = .truncated
        case .held: self = .held
        case .adopted: self = .adopted
        case .dropped: self = .dropped
        case .claimed: self = .claimed
        }
    }

    /// The run in which the step is made.
    var story: HandoffSimStory {
        switch self {
        case .begun, .sealed, .handedOn, .released, .removed, .collected, .opened, .stored, .held, .adopted: .move
        case .unsealed: .unseal
        case .truncated: .rewind
        case .cancelled, .dropped: .cancel
        case .overtaken: .targetLost
        case .claimed: .sourceLost
        }
    }
}

/// How far a record is when somebody dies.
public enum HandoffSimMoment: String, CaseIterable, Hashable, Sendable {
    /// On no disk.
    case unwritten
    /// On the primary's disk, and on no other.
    case durable
    /// Safe, and nothing followed from it yet.
    case safe
    /// Safe, and what follows from it was sent.
    case told
}

/// One crash point of a handoff: a step, how far it is, who dies of both, and who goes on for him.
public struct HandoffSimPoint: Hashable, Sendable, CustomStringConvertible {
    /// The step.
    public let step: HandoffSimStep
    /// How far it is.
    public let moment: HandoffSimMoment
    /// Whether the side dies that journals the step; else the other one, or, where that is lost already, whoever took
    /// over.
    public let isWriter: Bool
    /// Whether a standby is promoted, with just what is safe; else the primary is back with its disk.
    public let isPromotion: Bool

    /// Every one of them. To the other side it makes no difference whether what is safe was sent at once.
    public static let all: [HandoffSimPoint] = {
        var points: [HandoffSimPoint] = []
        for step in HandoffSimStep.allCases {
            for moment in HandoffSimMoment.allCases {
                for isWriter in [true, false] where isWriter || moment != .told {
                    for isPromotion in [true, false] {
                        points.append(
                            HandoffSimPoint(
                                step: step, moment: moment, isWriter: isWriter, isPromotion: isPromotion))
                    }
                }
            }
        }
        return points
    }()

    /// In words.
    public var description: String {
        let who = isWriter ? "its side" : "the other side"
        return "\(step.rawValue), \(moment.rawValue): \(who) \(isPromotion ? "is promoted" : "restarts")"
    }
}

/// What a directed run does.
public struct HandoffSimPlan: Hashable, Sendable, CustomStringConvertible {
    let story: HandoffSimStory
    let point: HandoffSimPoint?

    /// A story, with no crash that is not part of it.
    public init(_ story: HandoffSimStory) { (self.story, point) = (story, nil) }

    /// Every story, and every crash point.
    public static let all: [HandoffSimPlan] =
        HandoffSimStory.allCases.map { HandoffSimPlan($0) } + HandoffSimPoint.all.map { HandoffSimPlan($0) }

    /// In words.
    public var description: String { point?.description ?? story.rawValue }

    /// The run that comes to this point, where somebody dies, and goes on.
    public init(_ point: HandoffSimPoint) { (story, self.point) = (point.step.story, point) }
}

/// How far a directed run is.
struct HandoffSimCourse {
    var source = 0
    var target = 0
    var third = 0
    var order: HandoffOrder?
    /// Steps that were proposed.
    var proposed: Set<HandoffSimStep> = []
    /// Whether the crash was decided.
    var hasStruck = false
    /// Whether what the story does was done.
    var hasActed = false
    /// Partitions that have not heard what others know.
    var deaf: Set<Int> = []
    /// Whether nobody hears of owners.
    var isCut = false
}

/// What a directed run does at its time.
enum HandoffSimAct {
    case order
    case strike(writer: Int)
    case takeOver(lost: Int)
    case hear(Int)
}
