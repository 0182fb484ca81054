/// A template as it was read: Mustache, of which only variables, sections, inverted sections and comments are taken.
///
/// What is in it is known before it is rendered: which names, which secrets, how deep. Rendering is left to the
/// Mustache library, with a text from which everything else is gone; see `Template+Rendering.swift`.
struct Template: Hashable, Sendable {
    /// A piece of the text.
    indirect enum Part: Hashable, Sendable {
        /// Text as it is.
        case text(String)
        /// The value of a name.
        case variable(TemplateName, line: Int)
        /// A secret's value.
        case secret(String, line: Int)
        /// Parts that are taken where the name has a value, once for each entry of a list.
        case section(TemplateName, [Part], line: Int)
        /// Parts that are taken where the name has none.
        case inverted(TemplateName, [Part], line: Int)
    }

    /// In order.
    let parts: [Part]
    /// The text for the library.
    let mustache: String
    /// Names of secrets, each once, in order of their first places: the library knows them by their place here.
    let secrets: [String]
    /// Texts that the library knows by their place here.
    let texts: [String]

    /// Whether a text has anything of a template.
    static func isTemplate(_ text: String) -> Bool { text.utf8.contains(UInt8(ascii: "{")) && text.contains("{{") }
}

/// A name in a template: `.` or names of objects within each other.
struct TemplateName: Hashable, Sendable {
    /// Parts of the name; empty for `.`, the entry of the list that the section is about.
    let parts: [String]

    /// The name as it is written.
    var text: String { parts.isEmpty ? "." : parts.joined(separator: ".") }

    /// A name from what stands in a tag; nil where it is none.
    init?(_ text: String) {
        if text == "." {
            parts = []
            return
        }
        parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy(Self.isPart) else { return nil }
    }

    /// Whether a text can be part of a name: letters, digits, `_` and `-`, and no `-` first.
    static func isPart(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != 0x2D else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
                || $0 == 0x2D
        }
    }
}

/// What is wrong with a template, and on which of its lines.
struct TemplateFault: Error, Hashable, Sendable {
    /// Line, from 1.
    let line: Int
    /// What is the matter.
    let reason: String
    /// Whether it is a reference to a secret.
    var isSecret = false
}
