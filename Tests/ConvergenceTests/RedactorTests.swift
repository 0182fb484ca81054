import Foundation
import SpannerTestKit
import Testing

@testable import Convergence

@Suite struct RedactorTests {
    private static let secrets = [
        "hunter2-and-more", "p\"a's\\s w/o+r&d=<1>", "zwölf-Boxkämpfer", "line one is long\nline two is longer\n",
    ]

    /// What programs make of a value when they show it.
    private static func forms(_ text: String) -> [(name: String, text: String)] {
        let data = Data(text.utf8)
        let json = String(decoding: (try? JSONEncoder().encode([text])) ?? Data(), as: UTF8.self)
        let base64 = data.base64EncodedString()
        let urlSafe = base64.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        let hex = data.map { String(format: "%02x", $0) }.joined()
        return [
            ("plain", text), ("json", json), ("base64", base64), ("base64 for addresses", urlSafe),
            ("base64 in the middle 1", Data("u".utf8 + data + Data(":x".utf8)).base64EncodedString()),
            ("base64 in the middle 2", Data("us".utf8 + data + Data("yz".utf8)).base64EncodedString()),
            ("wrapped base64", data.base64EncodedString(options: .lineLength64Characters)),
            ("hex", hex), ("hex, upper", hex.uppercased()),
            ("hex with colons", data.map { String(format: "%02x", $0) }.joined(separator: ":")),
            ("percent", text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""),
            ("quoted for a shell", "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"),
            ("backslashes", text.map { $0.isLetter || $0.isNumber ? "\($0)" : "\\\($0)" }.joined()),
            (
                "html",
                text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
                    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
                    .replacingOccurrences(of: "'", with: "&#39;")
            ),
            ("utf-16", text.utf16.map { "\(Character(Unicode.Scalar(UInt8($0 & 0xFF))))\0" }.joined()),
        ]
    }

    @Test("A secret is taken out in every form that programs show it in; what is around it stays", arguments: secrets)
    func forms(secret: String) {
        let redactor = Redactor(secrets: [Array(secret.utf8)])
        for form in Self.forms(secret) where form.name != "utf-16" || secret.allSatisfy(\.isASCII) {
            let shown = redactor.redact("user: \(form.text) .end")
            #expect(shown.hasPrefix("user:"), "\(form.name): \(shown)")
            #expect(shown.contains("[secret]"), "\(form.name): \(shown)")
            #expect(shown.hasSuffix(".end"), "\(form.name): \(shown)")
            // Nothing of it is left: not even four characters in a row.
            let letters = Array(form.text.filter { !$0.isWhitespace })
            for place in letters.indices.dropLast(12) where form.name != "percent" {
                let part = String(letters[place..<(place + 8)])
                #expect(!shown.contains(part), "\(form.name): \(part) in \(shown)")
            }
        }
    }

    @Test("Half a secret at the cut beginning or end of an output goes too; a whole text is not cut for it")
    func edges() {
        let redactor = Redactor(secrets: [Array("correct horse battery".utf8)])
        let text = Array("battery, and then correct hor".utf8)
        #expect(redactor.redact(text) == text)
        let shown = redactor.redact(text, isBeginningCut: true, isEndCut: true)
        #expect(shown == Array("[secret], and then [secret]".utf8))
    }

    @Test("A text that holds a secret too short to be told from other text is not shown at all")
    func short() {
        let redactor = Redactor(secrets: [Array("abc".utf8)])
        #expect(redactor.redact("the abc of it") == Redactor.withheld)
        #expect(redactor.redact("nothing of it") == "nothing of it")
    }

    @Test("Any value, anywhere in any text: what is shown holds no form of it that it was put in with")
    func property() {
        var random = Seeded(11)
        for _ in 0..<300 {
            let length = 4 + random.below(30)
            let secret = (0..<length).map { _ in UInt8(0x21 + random.below(94)) }
            let text = String(decoding: secret, as: UTF8.self)
            guard SecretForms.compact(secret).count >= 4 else { continue }
            let redactor = Redactor(secrets: [secret])
            let forms = Self.forms(text)
            let form = forms[random.below(forms.count)]
            let around = (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
            let whole = around + Array(form.text.utf8) + around
            let shown = redactor.redact(whole)
            #expect(shown != nil && shown != whole, "\(form.name) of \(text)")
            if let shown { #expect(!contains(shown, Array(form.text.utf8)), "\(form.name) of \(text)") }
        }
    }

    @Test("A text without the secret stays as it is, byte for byte")
    func others() {
        var random = Seeded(12)
        let redactor = Redactor(secrets: Self.secrets.map { Array($0.utf8) })
        for _ in 0..<200 {
            let text = (0..<random.below(400)).map { _ in UInt8(random.below(256)) }
            #expect(redactor.redact(text) == text)
        }
    }
}

func contains(_ bytes: [UInt8], _ value: [UInt8]) -> Bool {
    bytes.count >= value.count && (0...(bytes.count - value.count)).contains { bytes[$0...].starts(with: value) }
}
