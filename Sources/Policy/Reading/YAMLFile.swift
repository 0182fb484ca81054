internal import Yams

/// One YAML document of a stack, with what keeps its anchors alive, so that they can be seen and refused.
struct YAMLFile {
    let root: Node
    private let parser: Parser

    /// Reads a file. Fails with its first fault of syntax; nil is not given: an empty file is one.
    static func read(_ file: StackFile) throws(StackFault) -> YAMLFile {
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw StackFault(.syntax, file: file.path, line: nil, reason: "the file is no text in UTF-8")
        }
        if let line = aliasesMeet(file.bytes) {
            throw StackFault(
                .notTaken, file: file.path, line: line,
                reason: "anchors and aliases are not taken", next: "write the values out; keep programs below files/")
        }
        do {
            // Without rules nothing is guessed about scalars here: `PolicyScalar` reads them.
            let parser = try Parser(yaml: text, resolver: .basic)
            guard let root = try parser.singleRoot() else {
                throw StackFault(.syntax, file: file.path, line: 1, reason: "the file is empty")
            }
            let read = YAMLFile(root: root, parser: parser)
            if let line = read.anchor(in: root) {
                throw StackFault(
                    .notTaken, file: file.path, line: line, reason: "anchors and aliases are not taken",
                    next: "write the value out")
            }
            return read
        } catch let fault as StackFault {
            throw fault
        } catch let error as YamlError {
            throw fault(error, file.path, text)
        } catch {
            throw StackFault(.syntax, file: file.path, line: nil, reason: "\(error)")
        }
    }

    private static func fault(_ error: YamlError, _ file: String, _ text: String) -> StackFault {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return StackFault(.syntax, file: file, line: mark.line, reason: problem)
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "“\($0.prefix(80))”" }.joined(separator: ", ")
            return StackFault(
                .duplicate, file: file, line: context.mark.line, reason: "the key \(names) stands twice in one mapping")
        case .reader(let problem, let offset, _, _):
            let line = offset.map { offset in text.prefix(offset).filter(\.isNewline).count + 1 }
            return StackFault(.syntax, file: file, line: line, reason: problem)
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return StackFault(.syntax, file: file, line: nil, reason: "\(error)")
        }
    }

    /// Line of the first anchor. In the document's order every anchor stands before its aliases, so that no alias is
    /// ever followed, and the cost is that of the text.
    private func anchor(in node: Node) -> Int? {
        if node.anchor != nil { return node.mark?.line ?? 1 }
        switch node {
        case .scalar: return nil
        case .alias: return node.mark?.line ?? 1
        case .sequence(let parts):
            for part in parts { if let line = anchor(in: part) { return line } }
            return nil
        case .mapping(let entries):
            for (key, value) in entries {
                if let line = anchor(in: key) ?? anchor(in: value) { return line }
            }
            return nil
        }
    }

    /// Line at which a second name is both an anchor's and an alias's, as far as one can tell without reading YAML; nil
    /// where there is none. Aliases of aliases cost the parser time that grows with their powers, so that such a text
    /// is refused before it is given to the parser.
    private static func aliasesMeet(_ bytes: [UInt8]) -> Int? {
        var anchors: Set<ArraySlice<UInt8>> = []
        var both: Set<ArraySlice<UInt8>> = []
        var line = 1
        for place in bytes.indices {
            if bytes[place] == UInt8(ascii: "\n") { line += 1 }
            guard bytes[place] == UInt8(ascii: "&") || bytes[place] == UInt8(ascii: "*"),
                place == 0 || isEdge(bytes[place - 1])
            else { continue }
            let name = bytes[(place + 1)...].prefix(64).prefix { !isEdge($0) }
            guard !name.isEmpty else { continue }
            if bytes[place] == UInt8(ascii: "&") {
                anchors.insert(name)
            } else if anchors.contains(name) {
                both.insert(name)
                if both.count > 1 { return line }
            }
        }
        return nil
    }

    /// Whether a byte can stand before an anchor, or behind its name.
    private static func isEdge(_ byte: UInt8) -> Bool {
        byte <= 0x20
            || [UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: ",")]
                .contains(byte)
    }
}
