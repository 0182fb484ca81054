import CRDT
import NIOCore
import Spanner
import SpannerWire
import Testing

@Suite("Frames of the partition plane")
struct PartitionFrameTests {
    private func read(_ kind: PartitionMessageKind, _ body: [UInt8]) -> PartitionMessage? {
        try? PartitionMessageCodec.message(kind: kind, body: body[...])
    }

    @Test("A body cut short or with something behind it is refused", arguments: 1...4 as ClosedRange<UInt64>)
    func lengths(seed: UInt64) {
        var samples = WireSamples(seed: seed)
        for message in samples.partition() {
            let kind = PartitionMessageCodec.kind(of: message)
            let body = PartitionMessageCodec.body(of: message)
            for length in 0..<body.count { #expect(read(kind, Array(body[..<length])) == nil, "\(kind) at \(length)") }
            #expect(read(kind, body + [0]) == nil, "\(kind), seed \(seed)")
        }
    }

    @Test("An altered byte is refused or says something else: never two forms of one message", arguments: [3, 9])
    func alteredBytes(seed: UInt64) {
        var samples = WireSamples(seed: seed)
        for message in samples.partition() {
            let kind = PartitionMessageCodec.kind(of: message)
            let body = PartitionMessageCodec.body(of: message)
            for place in body.indices {
                for flip in [UInt8(1), 0x80, 0xFF] {
                    var altered = body
                    altered[place] ^= flip
                    guard let other = read(kind, altered) else { continue }
                    #expect(other != message && PartitionMessageCodec.body(of: other) == altered, "\(kind) at \(place)")
                }
            }
        }
    }

    @Test("Counts over the limits are refused before anything is read", arguments: PartitionMessageKind.allCases)
    func hostileCounts(kind: PartitionMessageKind) {
        guard kind != .acquaint, kind != .snapshotPiece else { return }
        #expect(read(kind, Array(repeating: 0xFF, count: 4096)) == nil)
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
