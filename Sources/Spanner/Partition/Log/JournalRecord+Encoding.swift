public import CRDT

extension JournalRecord: CanonicalValue {
    /// Previous, epoch, position, content.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(previous)
        encodeHashed(to: &encoder)
    }

    /// Epoch, position, content: what the chain hashes behind the value before it.
    func encodeHashed(to encoder: inout CanonicalEncoder) {
        epoch.encode(to: &encoder)
        encoder.integer(position)
        content.encode(to: &encoder)
    }

    /// Reads what `encode(to:)` wrote; counts and lengths over their limits are refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let previous = try decoder.fixed()
        let epoch = try PartitionEpoch(from: &decoder)
        let position = try decoder.integer()
        self.init(epoch: epoch, position: position, previous: previous, content: try Content(from: &decoder))
    }

    /// Bytes of the content, roughly: what buffers count.
    public var contentBytes: Int {
        guard case .commands(let commands) = content else { return 512 }
        return commands.reduce(8) { $0 + $1.count + 4 }
    }

    /// Whether counts and lengths are what a primary may write.
    public var isWithinLimits: Bool {
        switch content {
        case .commands(let commands):
            return (1...PartitionLimits.recordCommandsMax).contains(commands.count)
                && commands.allSatisfy { $0.count <= PartitionLimits.commandBytesMax }
                && contentBytes <= PartitionLimits.recordBytesMax + PartitionLimits.commandBytesMax + 8192
        case .control(.configuration(let configuration)): return configuration.isSound
        case .control(.begin(let begin)):
            return begin.configuration.isSound && begin.promisedBy.count <= PartitionLimits.universeMax
                && (begin.acceptedLoss?.utf8.count ?? 0) <= PartitionLimits.lossTextMax
        case .control(.handover), .control(.handoverCancelled): return true
        }
    }
}

extension JournalRecord.Content: CanonicalValue {
    private enum Kind: UInt8 {
        case commands = 1
        case begin = 2
        case configuration = 3
        case handover = 4
        case handoverCancelled = 5
    }

    /// One byte of kind, then what it holds.
    public func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .commands(let commands):
            encoder.byte(Kind.commands.rawValue)
            encoder.list(commands) { encoder, command in encoder.string(command) }
        case .control(.begin(let begin)):
            encoder.byte(Kind.begin.rawValue)
            begin.encode(to: &encoder)
        case .control(.configuration(let configuration)):
            encoder.byte(Kind.configuration.rawValue)
            configuration.encode(to: &encoder)
        case .control(.handover(let operation, let to)):
            encoder.byte(Kind.handover.rawValue)
            operation.encode(to: &encoder)
            to.encode(to: &encoder)
        case .control(.handoverCancelled(let operation)):
            encoder.byte(Kind.handoverCancelled.rawValue)
            operation.encode(to: &encoder)
        }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch Kind(rawValue: try decoder.byte()) {
        case .commands:
            self = .commands(
                try decoder.list("commands", limit: PartitionLimits.recordCommandsMax) {
                    (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                    try decoder.string("command", limit: PartitionLimits.commandBytesMax)
                })
        case .begin: self = .control(.begin(try PartitionBegin(from: &decoder)))
        case .configuration: self = .control(.configuration(try PartitionConfiguration(from: &decoder)))
        case .handover:
            let operation = try OperationID(from: &decoder)
            self = .control(.handover(operation, to: try ReplicaID(from: &decoder)))
        case .handoverCancelled: self = .control(.handoverCancelled(try OperationID(from: &decoder)))
        case nil: throw .invalid(what: "kind of record")
        }
    }
}
