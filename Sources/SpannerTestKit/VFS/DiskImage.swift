public import Spanner

/// All files of a simulated disk at one instant, with what of them was flushed.
public struct DiskImage: Sendable {
    var files: [String: SimulatedFile] = [:]
    /// Removed files whose directory was not flushed since: a power cut may bring them back.
    var removed: [String: SimulatedFile] = [:]

    /// An empty disk.
    public init() {}

    /// Bytes that a sector holds: it reaches the disk whole or not at all.
    public static let sectorBytes = 512
    /// Bytes of SQLite's pages.
    public static let pageBytes = 4096

    /// How many pieces of so many bytes a power cut may keep or lose, the names of new and removed files among them.
    public func unflushedPieces(of bytes: Int = DiskImage.pageBytes) -> Int {
        files.values.reduce(removed.count) { count, file in
            count + file.pieces(of: bytes).count + (file.isNameDurable ? 0 : 1)
        }
    }

    /// What a power cut leaves of this instant, where `isKept` says, piece by piece, which of the unflushed ones
    /// reached the disk.
    public func afterPowerCut(
        piecesOf bytes: Int = DiskImage.pageBytes, isKept: (Int) -> Bool
    ) -> DiskImage {
        var left = DiskImage()
        var number = 0
        func keeps() -> Bool {
            defer { number += 1 }
            return isKept(number)
        }
        for (name, file) in files.sorted(by: { $0.key < $1.key }) {
            let isNamed = file.isNameDurable || keeps()
            let kept = file.pieces(of: bytes).filter { _ in keeps() }
            if isNamed { left.files[name] = file.survivor(of: kept) }
        }
        for (name, file) in removed.sorted(by: { $0.key < $1.key }) where keeps() && left.files[name] == nil {
            left.files[name] = file.survivor(of: file.pieces(of: bytes))
        }
        return left
    }

    /// What a power cut leaves, drawn by chance: nothing, everything, or each piece with a chance that is drawn too.
    public func afterPowerCut(
        piecesOf bytes: Int = DiskImage.pageBytes, generator: inout SeededGenerator
    ) -> DiskImage {
        let chance = [0, 128, 256, generator.below(256)][Int(generator.below(4))]
        var drawn = generator
        let image = afterPowerCut(piecesOf: bytes) { _ in drawn.below(256) < chance }
        generator = drawn
        return image
    }

    /// Paths of the files, sorted.
    public var paths: [String] { files.keys.sorted() }

    /// Bytes of a file as a reader sees it; 0 where there is none.
    public func count(of path: String) -> Int { files[path]?.current.count ?? 0 }

    /// Whether all that was written to a file was flushed.
    public func isFlushed(_ path: String) -> Bool {
        files[path].map { $0.pending.isEmpty && $0.isNameDurable } ?? true
    }

    /// Names of new files stay from now on, removed files stay away.
    mutating func flushDirectory() {
        for name in files.keys { files[name]?.isNameDurable = true }
        removed = [:]
    }

    /// Flips one bit of a file: rot.
    public mutating func flip(_ path: String, at place: Int, bit: UInt8) { files[path]?.flip(bit: bit, at: place) }
}
