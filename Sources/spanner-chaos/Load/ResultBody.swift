import ChaosKit

/// The bytes of a result, which a seed gives: nothing has to be kept to send them again.
enum ResultBody {
    static let bytes = 256

    static func make(seed: UInt64, writer: Int, sequence: UInt64) -> [UInt8] {
        var numbers = SeededNumbers(seed &+ UInt64(writer) &* 0x1_0000_0001 &+ sequence &* 0x9E37_79B9)
        var body: [UInt8] = []
        body.reserveCapacity(bytes)
        while body.count < bytes { withUnsafeBytes(of: numbers.next()) { body.append(contentsOf: $0) } }
        return body
    }
}
