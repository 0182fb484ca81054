import SpannerTestKit
import Testing

@testable import SpannerStore

@Suite struct ChecksumTests {
    @Test("CRC-64/XZ of its check string, and of every length around a slice")
    func matchesTheCatalogue() {
        #expect(Checksum.of(Array("123456789".utf8)) == 0x995D_C9BB_DF19_39FA)
        #expect(Checksum.of([]) == 0)
    }

    @Test("D4: a flip of any one bit changes a row's checksum, and so does another place")
    func findsEveryFlip() {
        var generator = Seeded(1)
        for length in 0..<40 {
            let body = generator.bytes(length)
            let sum = Checksum.row(3, 4, body)
            #expect(sum != Checksum.row(4, 3, body))
            for bit in 0..<length * 8 {
                var flipped = body
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(Checksum.row(3, 4, flipped) != sum)
            }
        }
    }
}
