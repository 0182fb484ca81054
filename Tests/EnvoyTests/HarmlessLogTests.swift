import Envoy
import Logging
import Testing

/// What bolts, programs and files say stands in an agent's log within one line, and a terminal obeys nothing of it.
@Suite struct HarmlessLogTests {
    /// A title, a line that looks like the agent's own, and writing from right to left.
    private static let hostile = "\u{1B}]0;x\u{7}\nerror: all is lost\r\u{202E}"
    private static let shown = #"\u{1B}]0;x\u{7}\u{A}error: all is lost\u{D}\u{202E}"#

    private struct Complaint: Error, CustomStringConvertible {
        var description: String { hostile }
    }

    @Test("a message and its metadata stand in one line, whatever is in them; plain words stay as they are")
    func event() throws {
        let book = LogBook()
        let logger = Logger(label: "test") { _ in HarmlessLogHandler(book) }
        logger.warning("said: \(Self.hostile)", metadata: ["reason": "\(Self.hostile)", "code": "policy_forged"])
        #expect(
            book.lines == [
                LogBook.Line(
                    level: .warning, message: "said: " + Self.shown,
                    metadata: ["reason": Self.shown, "code": "policy_forged"])
            ])
    }

    @Test("metadata with parts is made harmless through all of them")
    func nested() throws {
        let book = LogBook()
        let logger = Logger(label: "test") { _ in HarmlessLogHandler(book) }
        logger.info("x", metadata: ["list": ["\(Self.hostile)"], "map": ["key": "\(Self.hostile)"]])
        let line = try #require(book.lines.first)
        for value in line.metadata.values {
            #expect(value.contains("all is lost"))
            #expect(value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{202E}" }, "\(value)")
        }
        #expect(line.metadata.count == 2)
    }

    @Test("an error is handed on as words in one line; one that the metadata tell already stays as it is told")
    func error() throws {
        let book = LogBook()
        let handler = HarmlessLogHandler(book)
        for metadata in [nil, ["error": "told\u{1B}"]] as [Logger.Metadata?] {
            handler.log(
                event: LogEvent(
                    level: .error, message: "x", error: Complaint(), metadata: metadata, source: nil, file: #fileID,
                    function: #function, line: #line))
        }
        #expect(book.lines.map { $0.metadata["error"] } == [Self.shown, #"told\u{1B}"#])
        #expect(book.lines.allSatisfy { $0.error == nil })
    }

    @Test("what is set for every event is harmless too, one by one or all at once; levels are the inner one's")
    func lasting() throws {
        let book = LogBook()
        var logger = Logger(label: "test") { _ in HarmlessLogHandler(book) }
        logger[metadataKey: "bolt"] = "\(Self.hostile)"
        logger.info("one")
        var handler = HarmlessLogHandler(book)
        handler.metadata = ["bolt": "\(Self.hostile)"]
        #expect(handler.metadata["bolt"] == .string(Self.shown) && handler[metadataKey: "bolt"] == .string(Self.shown))
        handler[metadataKey: "bolt"] = nil
        #expect(handler.metadata.isEmpty)
        logger.logLevel = .warning
        logger.info("below it")
        logger.warning("two")
        #expect(book.lines.map(\.message) == ["one", "two"])
        #expect(book.lines.allSatisfy { $0.metadata == ["bolt": Self.shown] })
    }
}
