/// How safe a change is that was acknowledged: part of the answer to every mutation.
public enum AckLevel: Hashable, Sendable, Comparable, TextCodable, CustomStringConvertible {
    /// Of what an envoy told: durable at a bolt of another partition, while the owner is away. The owner has it not.
    case custody
    /// Durable on the bolt that answered.
    case local
    /// Durable on the primary and on every member of its in-sync set.
    case paired
    /// Durable on that many bolts, with the whole history up to it. At least 2.
    case spread(Int)

    /// From `custody`, `local`, `paired` or `spread(K)`.
    public init?(apiText: String) {
        switch apiText {
        case "custody": self = .custody
        case "local": self = .local
        case "paired": self = .paired
        default:
            guard apiText.hasPrefix("spread("), apiText.hasSuffix(")"),
                let count = Int(apiText.dropFirst(7).dropLast()), (2...AckLevel.boltsMax).contains(count)
            else { return nil }
            self = .spread(count)
        }
    }

    /// The level's word.
    public var apiText: String {
        switch self {
        case .custody: "custody"
        case .local: "local"
        case .paired: "paired"
        case .spread(let count): "spread(\(count))"
        }
    }

    /// Bolts that a level can name.
    public static let boltsMax = 4096
    /// For errors.
    public static var apiKind: String { "an acknowledgement level: custody, local, paired or spread(K)" }
    /// The level's word.
    public var description: String { apiText }

    /// By how many disks hold it; `paired` counts as between `local` and any `spread`.
    public static func < (left: AckLevel, right: AckLevel) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .custody: -1
        case .local: 0
        case .paired: 1
        case .spread(let count): count
        }
    }
}
