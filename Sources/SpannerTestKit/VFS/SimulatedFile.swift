/// A file as a disk behind a volatile cache holds it: what was flushed, and what was written since.
struct SimulatedFile: Sendable {
    /// Something done to the file and not flushed yet.
    enum Change: Sendable {
        case write(at: Int, [UInt8])
        case truncate(to: Int)
    }

    /// What a reader sees now.
    private(set) var current: [UInt8] = []
    /// What a power cut leaves in any case.
    private(set) var durable: [UInt8] = []
    /// What a power cut leaves some of, whatever the order.
    private(set) var pending: [Change] = []
    /// Whether the directory that names it was flushed.
    var isNameDurable: Bool

    init(content: [UInt8] = [], isNameDurable: Bool) {
        (current, durable, self.isNameDurable) = (content, content, isNameDurable)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let change = Change.write(at: offset, Array(bytes))
        SimulatedFile.apply(change, to: &current)
        pending.append(change)
    }

    mutating func truncate(to size: Int) {
        guard size < current.count else { return }
        SimulatedFile.apply(.truncate(to: size), to: &current)
        pending.append(.truncate(to: size))
    }

    /// The flush came through: everything is on the disk, and the name of a new file with it.
    mutating func flush() {
        for change in pending { SimulatedFile.apply(change, to: &durable) }
        pending = []
        isNameDurable = true
    }

    /// The flush failed: the cache calls its pages clean, though they never reach the disk, whatever is flushed later.
    mutating func loseFlush() { pending = [] }

    /// Flips one bit, on the disk and in the cache.
    mutating func flip(bit: UInt8, at place: Int) {
        if current.indices.contains(place) { current[place] ^= bit }
        if durable.indices.contains(place) { durable[place] ^= bit }
    }

    // MARK: Power cuts

    /// The unflushed changes in pieces that a disk writes whole or not: sectors.
    func pieces(of sector: Int) -> [Change] {
        pending.flatMap { change -> [Change] in
            guard case .write(let offset, let bytes) = change else { return [change] }
            var pieces: [Change] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, (offset + start) / sector * sector + sector - offset)
                pieces.append(.write(at: offset + start, Array(bytes[start..<end])))
                start = end
            }
            return pieces
        }
    }

    /// What is left where only these changes reached the disk.
    func survivor(of changes: [Change]) -> SimulatedFile {
        var content = durable
        for change in changes { SimulatedFile.apply(change, to: &content) }
        return SimulatedFile(content: content, isNameDurable: true)
    }

    private static func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if size < content.count { content.removeLast(content.count - size) }
        case .write(let offset, let bytes):
            let end = offset + bytes.count
            if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
            content.withUnsafeMutableBytes { target in
                bytes.withUnsafeBytes { source in
                    UnsafeMutableRawBufferPointer(rebasing: target[offset..<end]).copyMemory(from: source)
                }
            }
        }
    }
}
