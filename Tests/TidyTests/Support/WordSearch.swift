/// Lines (from 1) of `text` on which `needle` stands as a whole word.
///
/// Where the needle begins or ends with a letter, digit or `_`, the text must not go on with one there; a needle such
/// as `.now` or `Date(` is therefore found in `Clock.now` and `Date()`, but not in `.nowhere` or `update()`.
func lines(of needle: String, in text: String) -> [Int] {
    let haystack = Array(text.utf8)
    let wanted = Array(needle.utf8)
    guard let first = wanted.first, let last = wanted.last, haystack.count >= wanted.count else { return [] }
    func isWord(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
    var found: [Int] = []
    var line = 1
    for start in haystack.indices {
        if haystack[start] == UInt8(ascii: "\n") { line += 1 }
        guard haystack[start] == first, start + wanted.count <= haystack.count,
            haystack[start..<(start + wanted.count)].elementsEqual(wanted)
        else { continue }
        if isWord(first), start > 0, isWord(haystack[start - 1]) { continue }
        let end = start + wanted.count
        if isWord(last), end < haystack.count, isWord(haystack[end]) { continue }
        found.append(line)
    }
    return found
}
