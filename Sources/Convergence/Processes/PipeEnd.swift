internal import Glibc

/// Takes what comes out of a pipe, without waiting, and keeps a bounded part of it.
struct PipeEnd {
    /// What to keep where more comes than may be kept.
    enum Keeping {
        /// The beginning: what comes after it is a fault of whoever writes.
        case beginning(max: Int)
        /// The end.
        case end(max: Int)
    }

    private(set) var bytes: [UInt8] = []
    /// Whether something was left out.
    private(set) var isCut = false
    /// The pipe; nil once it is closed at the other end.
    private(set) var descriptor: Descriptor?
    /// What is kept.
    let keeping: Keeping

    init(_ descriptor: Descriptor, keeping: Keeping) { (self.descriptor, self.keeping) = (descriptor, keeping) }

    /// Whether the other end is closed.
    var isClosed: Bool { descriptor == nil }

    /// Takes what is there; at most a megabyte, so that whoever never stops is looked after too.
    mutating func take() {
        for _ in 0..<16 {
            guard let descriptor else { return }
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: 64 * 1_024) { buffer, filled in
                count = read(descriptor.number, buffer.baseAddress, buffer.count)
                filled = max(0, count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else {
                self.descriptor = nil
                return
            }
            keep(piece)
        }
    }

    private mutating func keep(_ piece: [UInt8]) {
        switch keeping {
        case .beginning(let max):
            let room = max - bytes.count
            bytes += piece.prefix(room)
            if piece.count > room { isCut = true }
        case .end(let max):
            bytes += piece
            // Not at each piece: what is kept is moved.
            if bytes.count > 2 * max + piece.count {
                bytes.removeFirst(bytes.count - max)
                isCut = true
            }
        }
    }

    /// What is kept, now that no more comes.
    var kept: ShownOutput {
        guard case .end(let max) = keeping, bytes.count > max else { return ShownOutput(bytes: bytes, isCut: isCut) }
        return ShownOutput(bytes: Array(bytes.suffix(max)), isCut: true)
    }
}
