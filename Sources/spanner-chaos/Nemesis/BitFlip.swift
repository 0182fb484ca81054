import ChaosKit
import Foundation

/// One bit of a file, to be turned over.
struct BitFlip: CustomStringConvertible {
    let path: String
    let offset: Int
    let mask: UInt8

    private static let database = "partition.db"
    private static let triesMax = 64

    /// Somewhere in the partition's database of a state directory, or in its log: the more bytes, the likelier. Where
    /// something is written: next to zeros it is most often nobody's. Nil where there is nothing.
    static func any(in state: String, _ numbers: inout SeededNumbers, onlyDatabase: Bool = false) -> BitFlip? {
        let paths = ["\(state)/\(database)"] + (onlyDatabase ? [] : ["\(state)/\(database)-wal"])
        let files = paths.compactMap { path in FileManager.default.contents(atPath: path).map { (path, $0) } }
        let all = files.reduce(0) { $0 + $1.1.count }
        guard all > 0 else { return nil }
        for _ in 0..<triesMax {
            var place = numbers.below(all)
            for (path, content) in files {
                guard place >= content.count else {
                    let bytes = content[
                        content.startIndex + place..<min(content.endIndex, content.startIndex + place + 4)]
                    if bytes.allSatisfy({ $0 == 0 }) { break }
                    return BitFlip(path: path, offset: place, mask: 1 << UInt8(numbers.below(8)))
                }
                place -= content.count
            }
        }
        return nil
    }

    /// Turns it over; once more undoes that.
    func perform() throws {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw ChaosFailure("\(path) can't be opened: errno \(errno)") }
        defer { close(file) }
        var byte: UInt8 = 0
        guard pread(file, &byte, 1, off_t(offset)) == 1 else { throw ChaosFailure("\(path) has no byte \(offset)") }
        byte ^= mask
        guard pwrite(file, &byte, 1, off_t(offset)) == 1, fsync(file) == 0 else {
            throw ChaosFailure("\(path) can't be written: errno \(errno)")
        }
    }

    var description: String {
        "bit \(mask.trailingZeroBitCount) of byte \(offset) of \(URL(fileURLWithPath: path).lastPathComponent)"
    }
}
