/// Takes secrets out of what is shown: texts of programs, differences, and our own words too.
struct Redactor: Sendable {
    /// What stands in a secret's place.
    static let mark = "[secret]"
    /// What stands for a text of which nothing can be shown.
    static let withheld = "[not shown: it holds a secret too short to be told from other text]"

    private let forms: FormFinder
    private let base64Forms: FormFinder
    private let hexForms: FormFinder
    private let short: [[UInt8]]

    /// Takes these values out, in any form of `SecretForms`.
    init(secrets: [[UInt8]]) {
        let all = SecretForms(of: secrets)
        (forms, base64Forms, hexForms) = (FormFinder(all.forms), FormFinder(all.base64Forms), FormFinder(all.hexForms))
        short = all.short.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The text without secrets.
    func redact(_ text: String) -> String {
        redact(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } ?? Redactor.withheld
    }

    /// The bytes without secrets; nil where nothing of them can be shown. Part of a secret where a text was cut, at its
    /// beginning or at its end, goes too.
    func redact(_ bytes: [UInt8], isBeginningCut: Bool = false, isEndCut: Bool = false) -> [UInt8]? {
        if short.contains(where: { Redactor.contains(bytes, $0) }) { return nil }
        if forms.isEmpty { return bytes }
        var hidden = [Bool](repeating: false, count: bytes.count)
        let places = bytes.indices.filter { !SecretForms.isIgnored(bytes[$0]) }
        let digits = bytes.indices.filter { SecretForms.hexDigit(bytes[$0]) != nil }
        func hide(_ finder: FormFinder, _ places: [Int], _ text: [UInt8], isWider: Bool = false) {
            var ranges = finder.ranges(in: text)
            if isBeginningCut { ranges.append(0..<finder.restAtBeginning(of: text)) }
            if isEndCut { ranges.append((text.count - finder.beginningAtEnd(of: text))..<text.count) }
            for range in ranges {
                for index in range { hidden[places[index]] = true }
                guard isWider, let first = range.first, let last = range.last else { continue }
                // The characters beside these hold bits of the value too.
                for index in [first - 1, last + 1] where text.indices.contains(index) {
                    if SecretForms.isBase64(text[index]) { hidden[places[index]] = true }
                }
            }
        }
        let text = places.map { bytes[$0] }
        hide(forms, places, text)
        hide(base64Forms, places, text, isWider: true)
        if let decoded = PercentDecoded(bytes) { decoded.hide(forms, in: &hidden) }
        hide(hexForms, digits, digits.compactMap { SecretForms.hexDigit(bytes[$0]) })
        return Redactor.replace(bytes, hidden)
    }

    /// Puts the mark where bytes are hidden; what does not count when texts are compared goes with what is around it.
    private static func replace(_ bytes: [UInt8], _ hidden: [Bool]) -> [UInt8] {
        guard let first = hidden.firstIndex(of: true) else { return bytes }
        var result = Array(bytes[..<first])
        var place = first
        while place < bytes.count {
            guard hidden[place] else {
                result.append(bytes[place])
                place += 1
                continue
            }
            result += mark.utf8
            while place < bytes.count, hidden[place] {
                place += 1
                let next = bytes[place...].firstIndex { !SecretForms.isIgnored($0) } ?? bytes.count
                if next < bytes.count, hidden[next] { place = next }
            }
        }
        return result
    }

    private static func contains(_ bytes: [UInt8], _ value: [UInt8]) -> Bool {
        guard bytes.count >= value.count else { return false }
        return (0...(bytes.count - value.count)).contains { bytes[$0...].starts(with: value) }
    }
}

/// A text with what stands in it as `%41` read as bytes, whatever an encoder chose to encode; a plus is a blank.
private struct PercentDecoded {
    private var text: [UInt8] = []
    /// Of each byte of it: where it stands in the text as it is.
    private var places: [Range<Int>] = []

    /// Nil where nothing of the text is encoded.
    init?(_ bytes: [UInt8]) {
        guard bytes.contains(UInt8(ascii: "%")) else { return nil }
        var place = 0
        while place < bytes.count {
            var (byte, count) = (bytes[place], 1)
            if byte == UInt8(ascii: "%"), place + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(place + 1)...(place + 2)], as: UTF8.self), radix: 16)
            {
                (byte, count) = (value, 3)
            }
            if !SecretForms.isIgnored(byte), count == 3 || byte != UInt8(ascii: "+") {
                text.append(byte)
                places.append(place..<(place + count))
            }
            place += count
        }
    }

    func hide(_ finder: FormFinder, in hidden: inout [Bool]) {
        for range in finder.ranges(in: text) {
            for index in places[range.lowerBound].lowerBound..<places[range.upperBound - 1].upperBound {
                hidden[index] = true
            }
        }
    }
}
