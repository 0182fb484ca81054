internal import CRDT
internal import Identity
internal import Spanner
internal import SpannerTransport
internal import SpannerWire

/// What a partition's primary needs to hand slices on.
struct SliceContext: Sendable {
    /// Who owns what.
    let board: OwnershipBoard
    /// The certificates of this bolt: who signs for its partition.
    let warrant: SliceWarrant
    /// Its key.
    let signer: any RunSigner
    /// How handoffs behave in time.
    var settings = HandoffSettings()

    /// What this bolt signs with, in its partition.
    init(board: OwnershipBoard, chain: [[UInt8]], signer: any RunSigner) {
        (self.board, self.signer) = (board, signer)
        warrant = SliceWarrant(chain: chain)
    }
}

/// A way to another bolt: a link, for all that handoffs know.
protocol SliceLine: Sendable {
    /// Bytes that wait to be written.
    var queuedBytes: Int { get }
    /// Sends a message; false where it was dropped.
    @discardableResult
    func send(_ message: PeerMessage) -> Bool
    /// Received messages of that many bytes are dealt with.
    func processed(bytes: Int)
}

extension PeerLink: SliceLine {}

/// What the partition's service tells the node about slices.
enum SliceNews: Sendable {
    /// These transitions are safe here: they are to be told to everybody.
    case transitions([SignedTransition])
    /// How many envoys are in the slices of this partition, which this bolt is primary of.
    case census(SliceCensus)
}

extension PartitionService {
    /// Says to whom news of slices go, and who knows in which slices envoys are. Before `start`.
    func bind(
        tell: @escaping @Sendable (SliceNews) -> Void,
        placing: @escaping @Sendable ([PrincipalID]) async -> [PrincipalID: SliceID]
    ) {
        (tellNews, self.placing) = (tell, placing)
    }
}

/// Bounds of the shell around handoffs.
enum SliceShellLimits {
    /// Bytes that may wait to be written to a target before another piece is read.
    static let linkBytesMax = 4 * 1024 * 1024
    /// Bytes that a piece takes beside its content.
    static let pieceOverhead = 256
    /// Pause where they do.
    static let linkPause: Duration = .milliseconds(5)
    /// Time between two words to a task's driver about a handoff.
    static let tickInterval: Duration = .seconds(1)
    /// Time between two counts of the envoys in all slices.
    static let censusInterval: Duration = .seconds(2)
    /// Longest time without telling a count.
    static let censusRepeat: Duration = .seconds(15)
    /// Bytes of rows that one run reads for a digest: who waits meanwhile has its turn after that.
    static let digestBytes = 2 * 1024 * 1024
    /// Bytes of what is staged that are kept in memory while more comes. What is more is read when the seal is there.
    static let foldBytesMax = 64 * 1024 * 1024
    /// Envoys whose rows one command removes: one step of it holds up whoever waits for the journal.
    static let collectEnvoys: UInt64 = 16
    /// How long a handoff waits for room that its driver does not ask for again.
    static let waitingAge: Duration = .seconds(3)
    /// Envoys that are looked at in one look, whether they are in their slices.
    static let placeEnvoys = 1000
    /// Tasks that are over and that one partition keeps at hand.
    static let tasksMax = 256
    /// Transitions in one event of the roster.
    static let transitionsPerEvent = 16
    /// How long transitions wait for others, to be told together.
    static let publishPause: Duration = .milliseconds(10)
    /// Shortest pause before transitions whose events were cut are told again.
    static let retellPause: Duration = .milliseconds(500)
    /// How much longer each next bolt waits, of 256.
    static let retellSpread: Duration = .milliseconds(20)
    /// How long they wait when they were refused.
    static let publishRetry: Duration = .seconds(1)
}
