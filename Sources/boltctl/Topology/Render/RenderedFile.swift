import BoltAPI
import Foundation
import Identity

/// One file of a rendering.
struct RenderedFile: Hashable {
    /// Below the directory of the rendering.
    let path: String
    let text: String

    /// First line of everything that is rendered: by it a later rendering knows its own files.
    static let mark = "# Rendered by boltctl topology render; a later rendering replaces this file."

    init(_ path: String, _ text: String) { (self.path, self.text) = (path, "\(Self.mark)\n\(text)") }
}

/// Writes renderings, replaces what was rendered before, and nothing else.
struct RenderedWriter {
    let directory: String

    /// What becomes of a file.
    enum Action: String, Encodable {
        case create, replace, same
        /// Rendered once, and no longer part of the rendering; it is left where it is.
        case stale

        var writes: Bool { self == .create || self == .replace }
    }

    /// One file in the answer.
    struct Line: Encodable, Hashable {
        let file: String
        let action: Action
    }

    /// What writing the files would do. Fails where something is in their place that was not rendered.
    func plan(_ files: [RenderedFile]) throws -> [Line] {
        var lines = try files.map { file -> Line in
            let path = "\(directory)/\(file.path)"
            guard FileManager.default.fileExists(atPath: path) else { return Line(file: file.path, action: .create) }
            guard let old = rendered(path) else {
                throw CommandFailure(
                    "file_exists", "\(path) is there already and was not rendered by this command",
                    next: "choose another --out, or move it away first", status: .usage)
            }
            return Line(file: file.path, action: old == file.text ? .same : .replace)
        }
        let own = Set(files.map(\.path))
        for path in present() where !own.contains(path) && rendered("\(directory)/\(path)") != nil {
            lines.append(Line(file: path, action: .stale))
        }
        return lines.sorted { $0.file < $1.file }
    }

    /// Writes what `plan` says; each file is whole or as it was.
    func write(_ files: [RenderedFile], _ lines: [Line]) throws {
        let due = Set(lines.filter { $0.action.writes }.map(\.file))
        for file in files where due.contains(file.path) {
            let path = "\(directory)/\(file.path)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try SecureFile.write(Array(file.text.utf8), to: path, access: .everybody)
        }
    }

    private func rendered(_ path: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            text.hasPrefix(RenderedFile.mark)
        else { return nil }
        return text
    }

    /// The files of the directory and of those right below it.
    private func present() -> [String] {
        func names(_ path: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        }
        return names(directory).flatMap { name in [name] + names("\(directory)/\(name)").map { "\(name)/\($0)" } }
    }
}

/// What may stand in texts that other programs read.
enum RenderedText {
    /// An absolute path that needs no quoting anywhere.
    static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= 255 && text.unicodeScalars.allSatisfy { isPlain($0, "/._-+@") }
    }

    /// The name of an image: registry, path, tag, digest.
    static func isImage(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { isPlain($0, "/._-:@") }
    }

    /// A quantity such as `10Gi`.
    static func isQuantity(_ text: String) -> Bool {
        text.wholeMatch(of: /[1-9][0-9]{0,8}(?:[KMGTP]i?)?/) != nil
    }

    private static func isPlain(_ scalar: Unicode.Scalar, _ others: String) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
            || others.unicodeScalars.contains(scalar)
    }
}
