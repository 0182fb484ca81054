public import CRDT

/// What the partition that drives a task asks the source of a handoff. Each may be said again and again.
public enum SliceOrder: Hashable, Sendable {
    /// Begin this handoff, or say how it stands.
    case begin(HandoffOrder)
    /// Let the slice stay.
    case cancel(HandoffOrder)
    /// Hold this handoff still, or let it go on.
    case pause(HandoffOrder, Bool)
    /// What all handoffs of the source may take together.
    case throttle(HandoffBudget.Limits)

    /// The handoff; nil for what concerns all.
    public var order: HandoffOrder? {
        switch self {
        case .begin(let order), .cancel(let order), .pause(let order, _): order
        case .throttle: nil
        }
    }
}

/// What a handoff's source says to the partition that drives the task.
public enum SliceReport: Hashable, Sendable {
    /// Bytes that the target confirmed, and what holds it up.
    case progress(HandoffID, bytes: UInt64, hindrance: String?)
    /// It came to an end, and the slice stays; why.
    case cancelled(HandoffID, reason: String)

    /// The handoff.
    public var id: HandoffID {
        switch self {
        case .progress(let id, _, _), .cancelled(let id, _): id
        }
    }
}

extension SliceOrder: CanonicalValue {
    /// Kind, then the fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .begin(let order):
            encoder.byte(1)
            order.encode(to: &encoder)
        case .cancel(let order):
            encoder.byte(2)
            order.encode(to: &encoder)
        case .pause(let order, let isPaused):
            encoder.byte(3)
            order.encode(to: &encoder)
            encoder.flag(isPaused)
        case .throttle(let limits):
            encoder.byte(4)
            limits.encode(to: &encoder)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 1: self = .begin(try HandoffOrder(from: &decoder))
        case 2: self = .cancel(try HandoffOrder(from: &decoder))
        case 3:
            let order = try HandoffOrder(from: &decoder)
            self = .pause(order, try decoder.flag())
        case 4: self = .throttle(try HandoffBudget.Limits(from: &decoder))
        default: throw .invalid(what: "kind of an order")
        }
    }
}

extension SliceReport: CanonicalValue {
    /// Kind, then the fields in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .progress(let id, let bytes, let hindrance):
            encoder.byte(1)
            id.encode(to: &encoder)
            encoder.integer(bytes)
            encoder.optional(hindrance) { encoder, hindrance in encoder.text(hindrance) }
        case .cancelled(let id, let reason):
            encoder.byte(2)
            id.encode(to: &encoder)
            encoder.text(reason)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 1:
            let id = try HandoffID(from: &decoder)
            let bytes = try decoder.integer()
            let hindrance = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                try decoder.text("hindrance", limit: HandoffLimits.reasonBytesMax)
            }
            self = .progress(id, bytes: bytes, hindrance: hindrance)
        case 2:
            let id = try HandoffID(from: &decoder)
            self = .cancelled(id, reason: try decoder.text("reason", limit: HandoffLimits.reasonBytesMax))
        default: throw .invalid(what: "kind of a report")
        }
    }
}

/// What the primary of a partition says of its slices, to everybody: for plans and listings, never for a decision about
/// who serves what.
public struct SliceCensus: Hashable, Sendable {
    /// One slice that the partition has rows of, or hands on.
    public struct Entry: Hashable, Sendable {
        /// Which.
        public let slice: SliceID
        /// Envoys in it.
        public let envoys: UInt64
        /// About how many bytes a handoff sends of them.
        public let bytes: UInt64
        /// Where a running handoff takes it.
        public let destination: PartitionName?

        /// A slice.
        public init(slice: SliceID, envoys: UInt64, bytes: UInt64 = 0, destination: PartitionName?) {
            (self.slice, self.envoys, self.bytes, self.destination) = (slice, envoys, bytes, destination)
        }
    }

    /// By slice, ascending; slices without envoys that stay are left out.
    public let entries: [Entry]
    /// Tasks that the partition drives, as the shells write them; opaque here. At most `tasksMax`.
    public let tasks: [[UInt8]]
    /// Version of the data that it writes, and the highest that it reads.
    public let version: UInt32
    /// Bytes that its primary's disk has left for results; nil where that is not known.
    public let room: UInt64?
    /// Names of the secrets of groups that it holds, ascending; never a value. At most `secretsMax`, the first ones.
    public let secrets: [String]

    /// Tasks that are told of.
    public static let tasksMax = 32
    /// Bytes of what is told of one.
    public static let taskBytesMax = 16 * 1024
    /// Slices of one partition that are counted.
    public static let entriesMax = 65_536
    /// Secrets of groups that are named.
    public static let secretsMax = 128
    /// Bytes of the name of one.
    public static let secretNameBytesMax = 128
    /// Version of the rows that a handoff carries, as this code writes and reads them.
    public static let dataVersion: UInt32 = 1

    /// A census.
    public init(
        entries: [Entry], tasks: [[UInt8]] = [], version: UInt32 = SliceCensus.dataVersion,
        room: UInt64? = nil, secrets: [String] = []
    ) {
        (self.version, self.room) = (version, room)
        let names = Set(secrets.filter { $0.utf8.count <= SliceCensus.secretNameBytesMax })
        self.secrets = Array(
            names.sorted { SliceCensus.precedes($0, $1) }.prefix(SliceCensus.secretsMax))
        self.tasks = Array(tasks.filter { $0.count <= SliceCensus.taskBytesMax }.prefix(SliceCensus.tasksMax))
        self.entries = Array(entries.sorted { $0.slice < $1.slice }.prefix(SliceCensus.entriesMax))
    }
}

extension SliceCensus: CanonicalValue {
    /// The groups, each with its slices; tasks; version, room, secrets.
    public func encode(to encoder: inout CanonicalEncoder) {
        let groups = Dictionary(grouping: entries, by: \.slice.group).sorted { $0.key < $1.key }
        encoder.list(groups) { encoder, group in
            group.key.encode(to: &encoder)
            encoder.list(group.value) { encoder, entry in
                encoder.integer(UInt64(entry.slice.index))
                encoder.integer(entry.envoys)
                encoder.integer(entry.bytes)
                encoder.text(entry.destination?.text ?? "")
            }
        }
        encoder.list(tasks) { encoder, task in encoder.string(task) }
        encoder.integer(UInt64(version))
        encoder.optional(room) { encoder, room in encoder.integer(room) }
        encoder.list(secrets) { encoder, name in encoder.text(name) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let groups = try decoder.list("groups", limit: SliceCensus.entriesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try SliceCensus.group(&decoder)
        }
        for (left, right) in zip(groups, groups.dropFirst()) where left.id >= right.id {
            throw .notCanonical(what: "order of groups")
        }
        entries = groups.flatMap { $0.entries }
        tasks = try decoder.list("tasks", limit: SliceCensus.tasksMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.string("task", limit: SliceCensus.taskBytesMax)
        }
        let number = try decoder.integer()
        guard number <= UInt64(UInt32.max) else { throw .invalid(what: "version of the data") }
        version = UInt32(number)
        room = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
        secrets = try decoder.list("secrets", limit: SliceCensus.secretsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.text("secret", limit: SliceCensus.secretNameBytesMax)
        }
        for (left, right) in zip(secrets, secrets.dropFirst()) where !SliceCensus.precedes(left, right) {
            throw .notCanonical(what: "order of secrets")
        }
        guard entries.count <= SliceCensus.entriesMax,
            zip(entries, entries.dropFirst()).allSatisfy({ $0.slice < $1.slice })
        else { throw .notCanonical(what: "census") }
    }

    private static func group(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> (id: GroupID, entries: [Entry]) {
        let group = try GroupID(from: &decoder)
        let entries = try decoder.list("slices", limit: SliceCensus.entriesMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let index = try decoder.integer()
            guard index < UInt64(Placement.slicesMax) else { throw .invalid(what: "slice index") }
            let (envoys, bytes) = (try decoder.integer(), try decoder.integer())
            let name = try decoder.text("partition", limit: SliceLimits.nameBytesMax)
            let destination = PartitionName(name)
            guard name.isEmpty || destination != nil else { throw .invalid(what: "partition name") }
            return Entry(
                slice: SliceID(group: group, index: UInt32(index)), envoys: envoys, bytes: bytes,
                destination: destination)
        }
        guard !entries.isEmpty else { throw .invalid(what: "group without slices") }
        return (group, entries)
    }
}

extension SliceCensus {
    /// Change of a slice's bytes that is no news by itself, beside an eighth of them.
    static let bytesNewsMin: UInt64 = 4096

    /// Whether it says the same of slices, as far as that matters to plans: bytes may differ a little.
    public func agrees(with other: SliceCensus) -> Bool {
        entries.count == other.entries.count
            && zip(entries, other.entries).allSatisfy { own, other in
                let apart = own.bytes > other.bytes ? own.bytes - other.bytes : other.bytes - own.bytes
                return own.slice == other.slice && own.envoys == other.envoys && own.destination == other.destination
                    && apart <= max(own.bytes / 8, SliceCensus.bytesNewsMin)
            }
    }
}

/// Secrets of groups: those that begin with the group's name and a slash.
extension SliceCensus {
    /// What the names of a group's secrets begin with.
    public static func secretPrefix(of group: GroupName) -> String { "\(group.text)/" }

    /// The secrets of a group that it names.
    public func secrets(of group: GroupName) -> [String] {
        let prefix = SliceCensus.secretPrefix(of: group)
        return secrets.filter { $0.hasPrefix(prefix) }
    }

    /// Whether it may hold a secret: it names it, or had to leave out such names.
    public func mayHold(_ secret: String) -> Bool {
        guard !secrets.contains(secret) else { return true }
        guard secrets.count == SliceCensus.secretsMax, let last = secrets.last else { return false }
        return SliceCensus.precedes(last, secret)
    }

    /// The order of names: that of their bytes.
    static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
