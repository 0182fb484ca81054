import Foundation

/// The checked-out repository that these tests read.
struct Repository {
    /// Absolute path of the root folder.
    let root: URL

    /// The repository around this file, or the one that `BOLT_REPO_ROOT` names.
    static let here = Repository(root: findRoot())

    private static func findRoot() -> URL {
        if let told = ProcessInfo.processInfo.environment["BOLT_REPO_ROOT"] { return URL(fileURLWithPath: told) }
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let spanner = folder.appendingPathComponent("Sources/Spanner").path
            let manifest = folder.appendingPathComponent("Package.swift").path
            if FileManager.default.fileExists(atPath: spanner), FileManager.default.fileExists(atPath: manifest) {
                break
            }
        }
        return folder
    }

    /// Whether something lies at this path from the root.
    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// The text of one file; nil if it is absent or no UTF-8.
    func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path) else {
            return nil
        }
        return String(data: data, encoding: .utf8)
    }

    /// Paths of all files below `folder` (or the file itself), sorted; hidden ones and build folders are left out.
    func files(under folder: String, withExtension wanted: Set<String>? = nil) -> [String] {
        let start = root.appendingPathComponent(folder)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: start.path, isDirectory: &isFolder) else { return [] }
        guard isFolder.boolValue else { return [folder] }
        guard let walk = FileManager.default.enumerator(atPath: start.path) else { return [] }
        var found: [String] = []
        for case let relative as String in walk {
            let hidden = relative.split(separator: "/").contains { $0.hasPrefix(".") }
            let path = "\(folder)/\(relative)"
            let kind = (relative as NSString).pathExtension
            guard !hidden, wanted?.contains(kind) ?? true else { continue }
            var isInnerFolder: ObjCBool = false
            _ = FileManager.default.fileExists(
                atPath: root.appendingPathComponent(path).path, isDirectory: &isInnerFolder)
            if !isInnerFolder.boolValue { found.append(path) }
        }
        return found.sorted()
    }

    /// Every Swift file below these folders.
    func swift(under folders: [String]) -> [SwiftText] {
        folders.flatMap { files(under: $0, withExtension: ["swift"]) }
            .compactMap { path in text(path).map { SwiftText(path: path, source: $0) } }
    }

    /// The pages that people read.
    var pages: [String] {
        let atRoot = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
        return atRoot.filter(exists)
            + ["docs", "Fuzz", "Bench", "topology", "Sources"].flatMap { files(under: $0, withExtension: ["md"]) }
    }
}
