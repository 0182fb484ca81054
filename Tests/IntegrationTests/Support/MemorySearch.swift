import Foundation
import Testing

/// Looks for bytes in all memory of a process of ours.
struct MemorySearch {
    private static let windowBytes = 1 << 20
    let pid: pid_t

    /// Whether this machine lets us read another process's memory: one that forbids dumps is shown to root alone, and
    /// in a container perhaps not to that one.
    static func isPossible(of pid: pid_t) -> Bool {
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/mem") else { return false }
        try? file.close()
        return true
    }

    /// Which of these stand in its memory.
    func found(_ needles: [String: Data]) throws -> Set<String> {
        let memory = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
        try #require(memory >= 0, "/proc/\(pid)/mem: errno \(errno)")
        defer { close(memory) }
        var found: Set<String> = []
        let overlap = (needles.values.map(\.count).max() ?? 1) - 1
        var window = Data(count: Self.windowBytes)
        for region in try regions() {
            var place = region.lowerBound
            while place < region.upperBound {
                let wanted = min(Self.windowBytes, Int(region.upperBound - place))
                let got = window.withUnsafeMutableBytes { pread(memory, $0.baseAddress, wanted, off_t(place)) }
                guard got > 0 else { break }
                if !Self.isZero(window, count: got) {
                    let bytes = window[..<got]
                    for (name, needle) in needles where !found.contains(name) && bytes.range(of: needle) != nil {
                        found.insert(name)
                    }
                }
                // Windows overlap, so that none is cut in two.
                let isLast = got < wanted || place + UInt(got) >= region.upperBound
                place += UInt(isLast || got <= overlap ? got : got - overlap)
            }
        }
        return found
    }

    /// Whether these bytes are all zero, as most of what is reserved and was never written is: nothing that is looked
    /// for is there, and each needle would be looked for in all of it.
    private static func isZero(_ bytes: Data, count: Int) -> Bool {
        bytes.withUnsafeBytes { memory in
            guard count > 0, let start = memory.baseAddress else { return true }
            return memory[0] == 0 && memcmp(start, start + 1, count - 1) == 0
        }
    }

    private func regions() throws -> [Range<UInt>] {
        let text = try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)
        let regions = text.split(separator: "\n").compactMap { line -> Range<UInt>? in
            let ends = line.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1], !line.hasSuffix("[vsyscall]"), !line.hasSuffix("[vvar]") else {
                return nil
            }
            return ends[0]..<ends[1]
        }
        try #require(!regions.isEmpty, "/proc/\(pid)/maps is empty")
        return regions
    }
}
