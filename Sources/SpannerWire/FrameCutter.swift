internal import CRDT
internal import Spanner

/// Finds the first frame in bytes, wherever they are held.
public enum FrameCutter {
    /// The message at the front of `bytes` and how many bytes its frame takes; nil where it is not all there.
    ///
    /// Judges as early as the header allows: a frame that would be too long is refused before its body has come.
    public static func next<Bytes: RandomAccessCollection>(
        in bytes: Bytes
    ) throws(FrameError) -> (message: PeerMessage, length: Int)? where Bytes.Element == UInt8 {
        var index = bytes.startIndex
        guard let kind = try integer(bytes, &index) else { return nil }
        guard let length = try integer(bytes, &index) else { return nil }
        guard length <= UInt64(WireLimits.bodyBytesMax) else { throw .tooLong(bytes: length) }
        guard bytes.distance(from: index, to: bytes.endIndex) >= Int(length) else { return nil }
        let end = bytes.index(index, offsetBy: Int(length))
        let body = Array(bytes[index..<end])
        do throws(DecodingFailure) {
            let message = try PeerMessage(kind: kind, body: body[...])
            return (message, bytes.distance(from: bytes.startIndex, to: end))
        } catch {
            throw .badBody(kind: kind, error)
        }
    }

    /// One LEB128 integer in its shortest form; nil where its end is not there yet.
    private static func integer<Bytes: RandomAccessCollection>(
        _ bytes: Bytes, _ index: inout Bytes.Index
    ) throws(FrameError) -> UInt64? where Bytes.Element == UInt8 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < bytes.endIndex {
            let byte = bytes[index]
            index = bytes.index(after: index)
            let payload = UInt64(byte & 0x7F)
            if shift == 63, payload > 1 { throw .badHeader }
            value |= payload << shift
            if byte & 0x80 == 0 {
                if byte == 0, shift > 0 { throw .badHeader }
                return value
            }
            shift += 7
            if shift > 63 { throw .badHeader }
        }
        return nil
    }
}
