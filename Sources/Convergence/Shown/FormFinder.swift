/// Finds any of a set of byte strings in a text.
struct FormFinder: Sendable {
    /// By their first four bytes, longest first.
    private var forms: [UInt32: [[UInt8]]] = [:]
    /// Whether any form begins with these two bytes: most places of a text are done with that.
    private var beginnings: [Bool] = []
    /// The longest form.
    private(set) var longest = 0

    /// Finds these; each has at least four bytes.
    init(_ all: Set<[UInt8]>) {
        guard !all.isEmpty else { return }
        beginnings = [Bool](repeating: false, count: 65_536)
        for form in all where form.count >= FixedLimits.secretFormBytesMin {
            forms[FormFinder.key(form, 0), default: []].append(form)
            beginnings[Int(form[0]) << 8 | Int(form[1])] = true
            longest = max(longest, form.count)
        }
        forms = forms.mapValues { same in same.sorted { $0.count > $1.count } }
    }

    /// Whether there is nothing to find.
    var isEmpty: Bool { forms.isEmpty }

    /// The places of all forms in the text, where they overlap one after the other.
    func ranges(in text: [UInt8]) -> [Range<Int>] {
        guard !isEmpty, text.count >= FixedLimits.secretFormBytesMin else { return [] }
        var found: [Range<Int>] = []
        for place in 0...(text.count - FixedLimits.secretFormBytesMin) {
            guard beginnings[Int(text[place]) << 8 | Int(text[place + 1])],
                let candidates = forms[FormFinder.key(text, place)],
                let form = candidates.first(where: { text[place...].starts(with: $0) })
            else { continue }
            found.append(place..<(place + form.count))
        }
        return found
    }

    /// How many bytes at the beginning of the text can be the rest of a form.
    func restAtBeginning(of text: [UInt8]) -> Int {
        forms.values.joined().reduce(0) { most, form in
            let lengths = stride(from: min(form.count - 1, text.count), through: FixedLimits.secretFormBytesMin, by: -1)
            return max(most, lengths.first { text.starts(with: form[(form.count - $0)...]) } ?? 0)
        }
    }

    /// How many bytes at the end of the text can be the beginning of a form.
    func beginningAtEnd(of text: [UInt8]) -> Int {
        forms.values.joined().reduce(0) { most, form in
            let lengths = stride(from: min(form.count - 1, text.count), through: FixedLimits.secretFormBytesMin, by: -1)
            return max(most, lengths.first { form.starts(with: text[(text.count - $0)...]) } ?? 0)
        }
    }

    private static func key(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        bytes[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
