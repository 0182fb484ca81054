import Foundation
import Glibc
import Identity
import Testing

@testable import Vault

/// S1: after sealing, this process's own memory is searched, page by page, for the keys that were in it.
@Suite("Vault: memory of a sealed vault", .serialized)
struct MemoryCanaryTests {
    @Test("S1: a sealed vault's process holds neither unseal key, nor root key, nor data keys, nor a secret's value")
    func sealedMemoryHoldsNoKey() throws {
        let search = try MemorySearch()
        let path = try Scratch.directory() + "/unseal.key"
        let vault = Vault(try Sample.owner())
        let name = try SecretName("canary")
        var canaries: [(what: String, masked: [UInt8])] = []
        try {
            let (keyring, key) = Keyring.initialise(vault.owner)
            try UnsealKeyFile.write(key, to: path)
            try vault.adopt(keyring)
        }()
        try {
            let key = try UnsealKeyFile.read(path)
            try vault.unseal(with: key)
            let keyring = try #require(vault.keyring)
            let value = SecretBytes.random(48)
            let sealed = try vault.seal(secret: name, version: 1, value)
            _ = try vault.open(secret: name, sealed)
            let context = Keyring.rootContext(vault.owner, keyring.stamp.id, lock: 1)
            let root = try #require(AuthenticatedBox.open(keyring.rootBox, under: key.secret, context: context))
            let dataContext = Keyring.dataKeyContext(vault.owner, keyring.stamp.id, generation: 1)
            let data = try #require(
                AuthenticatedBox.open(keyring.dataKeys[0].box, under: root, context: dataContext))
            canaries = [
                ("unseal key", MemorySearch.mask(key.secret)), ("root key", MemorySearch.mask(root)),
                ("data key", MemorySearch.mask(data)), ("value", MemorySearch.mask(value)),
            ]
            // The search itself must be able to find: all four are in guarded memory now.
            for canary in canaries { #expect(search.count(canary.masked) > 0, "\(canary.what) cannot be found") }
        }()
        #expect(search.count(canaries[1].masked) > 0, "the root key is held while unsealed")
        #expect(search.count(canaries[3].masked) == 0, "a value is not kept")
        vault.seal()
        for canary in canaries { #expect(search.count(canary.masked) == 0, "\(canary.what) is still in memory") }
    }

    @Test("S1: the digits of an unseal key are nowhere in memory once its file was written and read")
    func keyFileLeavesNoDigits() throws {
        let search = try MemorySearch()
        let path = try Scratch.directory() + "/digits.key"
        var halves: [[UInt8]] = []
        try {
            let (_, key) = Keyring.initialise(try Sample.owner())
            try UnsealKeyFile.write(key, to: path)
            halves = MemorySearch.maskedDigits(try UnsealKeyFile.read(path).secret)
        }()
        #expect(halves.count == 2)
        for half in halves { #expect(search.count(half) == 0, "digits of the unseal key are still in memory") }
    }

    @Test("S1: no core file of this process is made once dumps are forbidden")
    func dumpsAreForbidden() throws {
        try ProcessSecrecy.begin()
        #expect(!ProcessSecrecy.isDumpable)
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit) == 0)
        #expect(limit.rlim_cur == 0 && limit.rlim_max == 0)
    }

    @Test("guarded memory is inaccessible but while lent, however often it is lent at once")
    func guardedMemory() {
        let secret = SecretBytes.random(32)
        let address = secret.withBytes { UInt(bitPattern: $0.baseAddress) }
        func protection() -> String { MemorySearch.protection(of: address) ?? "not mapped" }
        #expect(protection() == "---p")
        let lent = secret.withBytes { _ in
            [protection(), secret.withBytes { _ in protection() }, protection()]
        }
        #expect(lent == ["r--p", "r--p", "r--p"])
        #expect(protection() == "---p")
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2000 { secret.withBytes { precondition($0.count == 32 && $0.reduce(0, &+) >= 0) } }
        }
        #expect(protection() == "---p")
    }
}

/// Looks for bytes in all memory of this process, guarded pages included.
final class MemorySearch {
    private static let maskByte: UInt8 = 0xA5
    private static let windowBytes = 1 << 20
    private static let needleMax = 64
    /// Needle and window stand in pages of their own, which are not searched.
    private let scratch: UnsafeMutableRawPointer
    private let scratchBytes: Int

    init() throws {
        scratchBytes = Self.windowBytes + 4096
        let pages = mmap(nil, scratchBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        scratch = try #require(pages == MAP_FAILED ? nil : pages)
    }

    deinit { munmap(scratch, scratchBytes) }

    /// A secret in a form in which it is not found.
    static func mask(_ secret: SecretBytes) -> [UInt8] { secret.withBytes { $0.map { $0 ^ maskByte } } }

    /// Both halves of a secret's hexadecimal digits, in a form in which they are not found. A freed block of memory may
    /// have lost its first bytes to the allocator.
    static func maskedDigits(_ secret: SecretBytes) -> [[UInt8]] {
        secret.withBytes { bytes in
            [0, bytes.count / 2].map { start in
                (0..<bytes.count).map { place in
                    let byte = bytes[start + place / 2]
                    let digit = place % 2 == 0 ? byte >> 4 : byte & 15
                    return (digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10) ^ maskByte
                }
            }
        }
    }

    /// How often the unmasked bytes stand in memory.
    func count(_ masked: [UInt8]) -> Int {
        precondition((16...Self.needleMax).contains(masked.count))
        let needle = scratch + Self.windowBytes
        for (place, byte) in masked.enumerated() {
            needle.storeBytes(of: byte ^ Self.maskByte, toByteOffset: place, as: UInt8.self)
        }
        defer { memset(scratch, 0, scratchBytes) }
        let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        guard memory >= 0 else { return -1 }
        defer { close(memory) }
        let start = UInt(bitPattern: scratch)
        return Self.regions().reduce(0) { sum, region in
            let overlaps = region.range.lowerBound < start + UInt(scratchBytes) && start < region.range.upperBound
            guard !overlaps else { return sum + searchAround(region.range, needle, masked.count, memory) }
            return sum + search(region.range, needle, masked.count, memory)
        }
    }

    /// The kernel shows neighbouring pages as one region: search what lies before and behind our own.
    private func searchAround(_ range: Range<UInt>, _ needle: UnsafeRawPointer, _ count: Int, _ memory: Int32) -> Int {
        let start = UInt(bitPattern: scratch)
        let (before, behind) = (range.lowerBound..<max(range.lowerBound, start), start + UInt(scratchBytes))
        return search(before, needle, count, memory)
            + search(min(behind, range.upperBound)..<range.upperBound, needle, count, memory)
    }

    private func search(_ range: Range<UInt>, _ needle: UnsafeRawPointer, _ count: Int, _ memory: Int32) -> Int {
        var (found, place) = (0, range.lowerBound)
        while place < range.upperBound {
            let wanted = min(Self.windowBytes, Int(range.upperBound - place))
            let got = pread(memory, scratch, wanted, off_t(place))
            guard got > 0 else { break }
            found += Self.occurrences(of: needle, count, in: scratch, got)
            // Windows overlap by one needle, so that none is cut in two.
            place += UInt(got > count && got == wanted && place + UInt(got) < range.upperBound ? got - count : got)
        }
        return found
    }

    private static func occurrences(
        of needle: UnsafeRawPointer, _ count: Int, in window: UnsafeRawPointer, _ bytes: Int
    ) -> Int {
        let first = Int32(needle.load(as: UInt8.self))
        var (found, from) = (0, window)
        let end = window + bytes - count
        while from <= end, let hit = memchr(from, first, end - from + 1) {
            if memcmp(hit, needle, count) == 0 { found += 1 }
            from = UnsafeRawPointer(hit) + 1
        }
        return found
    }

    private struct Region {
        let range: Range<UInt>
        let protection: Substring
    }

    static func protection(of address: UInt) -> String? {
        regions().first { $0.range.contains(address) }.map { String($0.protection) }
    }

    /// All of a file that has no size: read until nothing comes.
    private static func content(of path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(file) }
        var (text, piece) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
        while case let got = read(file, &piece, piece.count), got > 0 { text += piece[..<got] }
        return String(decoding: text, as: UTF8.self)
    }

    private static func regions() -> [Region] {
        content(of: "/proc/self/maps").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", maxSplits: 2)
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, !line.hasSuffix("[vsyscall]") else { return nil }
            return Region(range: ends[0]..<ends[1], protection: words[1])
        }
    }
}
