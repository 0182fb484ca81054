import CRDT
import NIOCore
import Spanner
import SpannerWire
import Testing

@Suite("Frames of the partition plane")
struct PartitionFrameTests {
    private func read(_ kind: UInt64, _ body: [UInt8]) -> PeerMessage? { try? PeerMessage(kind: kind, body: body[...]) }

    @Test("A body cut short or with something behind it is refused", arguments: 1...4 as ClosedRange<UInt64>)
    func lengths(seed: UInt64) {
        var samples = WireSamples(seed: seed)
        for message in samples.partition() + samples.slices() {
            let body = message.body
            for length in body.indices { #expect(read(message.kind, Array(body[..<length])) == nil, "\(message)") }
            #expect(read(message.kind, body + [0]) == nil, "\(message), seed \(seed)")
        }
    }

    @Test("An altered byte is refused or says something else: never two forms of one message", arguments: [3, 9])
    func alteredBytes(seed: UInt64) {
        var samples = WireSamples(seed: seed)
        for message in samples.partition() + samples.slices() {
            let body = message.body
            for place in body.indices {
                for flip in [UInt8(1), 0x80, 0xFF] {
                    var altered = body
                    altered[place] ^= flip
                    guard let other = read(message.kind, altered) else { continue }
                    #expect(other != message && other.body == altered, "\(message) at \(place)")
                }
            }
        }
    }

    @Test("A piece of a snapshot has a limit")
    func largePiece() {
        let most = [UInt8](repeating: 1, count: PartitionLimits.snapshotChunkBytes)
        let kind = PartitionMessageKind.snapshotPiece.rawValue
        #expect(read(kind, PeerMessage.snapshotPiece(offset: 0, most).body) != nil)
        #expect(read(kind, PeerMessage.snapshotPiece(offset: 0, most + [1]).body) == nil)
    }

    @Test("The largest append that a primary sends fits into one frame")
    func largestAppend() {
        var samples = WireSamples(seed: 1)
        let command = [UInt8](repeating: 7, count: PartitionLimits.commandBytesMax)
        let nearly = [UInt8](repeating: 7, count: PartitionLimits.recordBytesMax - 1)
        let (first, last) = (samples.point(), samples.epoch())
        let small = JournalRecord(
            epoch: last, position: 1, previous: first.hash,
            content: .commands([[UInt8](repeating: 7, count: PartitionLimits.appendBytesMax - 1)]))
        let large = JournalRecord(
            epoch: last, position: 2, previous: first.hash, content: .commands([nearly, command]))
        var buffer = ByteBuffer()
        let append = PartitionMessage.append(epoch: last, after: first, records: [small, large], safe: 0)
        #expect(FrameEncoder.write(.partition(append), into: &buffer))
    }

    @Test("Kinds of the two planes do not meet, nor those that are kept free")
    func kinds() {
        for kind in PartitionMessageKind.allCases {
            #expect(MessageKind(rawValue: kind.rawValue) == nil)
            #expect(!MessageKind.reserved.contains(kind.rawValue))
        }
    }
}
