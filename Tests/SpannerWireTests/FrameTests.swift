import CRDT
import NIOCore
import Spanner
import SpannerWire
import Testing

@Suite("Frames on a peer link")
struct FrameTests {
    private func frames(_ messages: [PeerMessage]) -> ByteBuffer {
        var buffer = ByteBuffer()
        for message in messages { #expect(FrameEncoder.write(message, into: &buffer)) }
        return buffer
    }

    private func read(_ buffer: ByteBuffer) throws(FrameError) -> [PeerMessage] {
        var buffer = buffer
        var decoder = FrameDecoder()
        var messages: [PeerMessage] = []
        while let message = try decoder.next(&buffer) { messages.append(message) }
        return messages
    }

    @Test("What is written is read as the same", arguments: 1...40 as ClosedRange<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var samples = WireSamples(seed: seed)
        let messages = samples.everything()
        #expect(try read(frames(messages)) == messages, "seed \(seed)")
    }

    @Test("However the bytes arrive, the messages are the same: every split of every frame")
    func everySplit() throws {
        var samples = WireSamples(seed: 7)
        for message in samples.everything() {
            let whole = frames([message])
            for split in 0...whole.readableBytes {
                var decoder = FrameDecoder()
                var buffer = ByteBuffer()
                buffer.writeImmutableBuffer(try #require(whole.getSlice(at: 0, length: split)))
                if split < whole.readableBytes {
                    #expect(try decoder.next(&buffer) == nil, "\(message) at \(split)")
                }
                let rest = whole.readableBytes - split
                buffer.writeImmutableBuffer(try #require(whole.getSlice(at: split, length: rest)))
                #expect(try decoder.next(&buffer) == message, "\(message) at \(split)")
                #expect(buffer.readableBytes == 0)
            }
        }
    }

    @Test("Bytes one by one give the messages of the whole")
    func byteByByte() throws {
        var samples = WireSamples(seed: 11)
        let messages = samples.everything()
        let whole = frames(messages)
        var decoder = FrameDecoder()
        var buffer = ByteBuffer()
        var read: [PeerMessage] = []
        for byte in whole.readableBytesView {
            buffer.writeInteger(byte)
            while let message = try decoder.next(&buffer) { read.append(message) }
        }
        #expect(read == messages)
        #expect(decoder.unknownMessages == 1)
    }

    @Test("A body that ends early is refused, at every length", arguments: 1...6 as ClosedRange<UInt64>)
    func truncation(seed: UInt64) {
        var samples = WireSamples(seed: seed)
        for message in samples.all() {
            let body = MessageCodec.body(of: message)
            for length in 0..<body.count {
                let shorter = body[..<length]
                guard let read = try? MessageCodec.message(kind: MessageCodec.kind(of: message), body: shorter) else {
                    continue
                }
                // Only an unknown message may say less: nothing of it is read.
                #expect(read == message && message.isUnknown, "seed \(seed): \(message) cut to \(length)")
            }
        }
    }

    @Test("Bytes behind a body are refused, but behind opening words: those may grow")
    func trailingBytes() throws {
        var samples = WireSamples(seed: 3)
        for message in samples.all() {
            let body = MessageCodec.body(of: message) + [0]
            let kind = MessageCodec.kind(of: message)
            if case .hello = message {
                #expect(try MessageCodec.message(kind: kind, body: body[...]) == message)
                let long = body + Array(repeating: 0, count: WireLimits.helloExtensionBytesMax)
                #expect(throws: DecodingFailure.self) { try MessageCodec.message(kind: kind, body: long[...]) }
            } else if !message.isUnknown {
                #expect(throws: DecodingFailure.self) { try MessageCodec.message(kind: kind, body: body[...]) }
            }
        }
    }

    @Test("A frame over the limit is refused by its header alone (R9)")
    func oversize() {
        var buffer = ByteBuffer(bytes: [4, 0x80, 0x80, 0x80, 0x01])
        var decoder = FrameDecoder()
        #expect(throws: FrameError.tooLong(bytes: 1 << 21)) { try decoder.next(&buffer) }
        var ping = frames([.gossip(.ping)])
        #expect(throws: FrameError.tooLong(bytes: 1 << 21), "an error is for ever") { try decoder.next(&ping) }
    }

    @Test("A message that would be over the limit is not written")
    func refusesToWriteOversize() {
        var samples = WireSamples(seed: 5)
        let body = samples.bytes(16 * 1024)
        let run = SignedRun(
            replica: samples.replica(), first: 1, bodies: Array(repeating: body, count: 80),
            signature: samples.bytes(64))
        var buffer = ByteBuffer()
        #expect(!FrameEncoder.write(.gossip(.events([run])), into: &buffer))
        #expect(buffer.readableBytes == 0)
    }

    @Test(
        "Headers have one form",
        arguments: [
            [0x87, 0x00, 0x00] as [UInt8], [0x07, 0x80, 0x00], Array(repeating: 0xFF, count: 11),
            [0x07] + Array(repeating: 0x80, count: 10),
        ])
    func badHeaders(bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        var decoder = FrameDecoder()
        #expect(throws: FrameError.badHeader) { try decoder.next(&buffer) }
    }

    @Test(
        "Counts over the limits are refused before anything is read",
        arguments: [
            MessageKind.want, .events, .durable,
        ])
    func hostileCounts(kind: MessageKind) {
        var encoder = CanonicalEncoder()
        encoder.integer(1 << 60)
        let body = encoder.bytes + Array(repeating: 0, count: 100)
        #expect(throws: DecodingFailure.self) { try MessageCodec.message(kind: kind.rawValue, body: body[...]) }
    }

    @Test("Dots whose counter is 0 or above 2^48 − 1 are refused", arguments: [0, 1 << 48, UInt64.max])
    func boundaryCounters(counter: UInt64) {
        var samples = WireSamples(seed: 1)
        var encoder = CanonicalEncoder()
        encoder.count(1)
        samples.replica().encode(to: &encoder)
        encoder.integer(counter)
        #expect(throws: DecodingFailure.self) {
            try MessageCodec.message(kind: MessageKind.durable.rawValue, body: encoder.bytes[...])
        }
    }

    @Test("Reserved numbers are unknown messages in this version: skipped, not refused")
    func reservedKinds() throws {
        for kind in MessageKind.reserved {
            let message = try MessageCodec.message(kind: kind, body: [1, 2, 3])
            #expect(message == .unknown(kind: kind))
        }
        #expect(MessageKind.allCases.allSatisfy { !MessageKind.reserved.contains($0.rawValue) })
    }

    @Test("The bytes of version 1 do not change")
    func fixtures() throws {
        for (text, message) in Fixtures.version1 {
            #expect(frames([.gossip(message)]).readableBytesView.map { $0 }.hexDigits == text)
            let bytes = try #require([UInt8](hexDigits: text))
            #expect(try read(ByteBuffer(bytes: bytes)) == [.gossip(message)])
        }
    }
}

extension GossipMessage {
    var isUnknown: Bool {
        if case .unknown = self { return true }
        return false
    }
}
