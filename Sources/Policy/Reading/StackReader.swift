internal import Spanner

/// Reads the files of a stack and collects all that is wrong with them.
struct StackReader {
    private let files: [ByteText: StackFile]
    private let sources: [ByteText: [UInt8]]
    private(set) var faults: [StackFault] = []
    private var name: String?
    private var settings = StackSettings()
    private var layers: [StackLayer] = []
    private var resources = 0
    /// Whether it was taken in before: then an age that is too short is no fault.
    private let isKept: Bool

    /// Files of a stack: `stack.yaml`, what is in `layers/` and below `files/`. Others are left alone.
    static func belongs(_ path: String) -> Bool {
        path == "stack.yaml" || path.hasPrefix("layers/") || path.hasPrefix("files/")
    }

    init(_ given: [StackFile], isKept: Bool = false) {
        self.isKept = isKept
        let files = given.filter { Self.belongs($0.path) }.sorted {
            $0.path.utf8.lexicographicallyPrecedes($1.path.utf8)
        }
        var found: [StackFault] = []
        var known: [ByteText: StackFile] = [:]
        for file in files.prefix(PolicyStackLimits.filesMax) {
            found += Self.faults(of: file)
            if known.updateValue(file, forKey: ByteText(file.path)) != nil {
                found.append(StackFault(.duplicate, file: file.path, line: nil, reason: "the file is given twice"))
            }
        }
        if files.count > PolicyStackLimits.filesMax {
            let reason = "the stack has \(files.count) files; at most \(PolicyStackLimits.filesMax) are taken"
            found.append(StackFault(.tooLarge, file: "stack.yaml", line: nil, reason: reason))
        }
        let bytes = files.reduce(0) { $0 + $1.bytes.count }
        if bytes > PolicyStackLimits.stackBytesMax {
            let reason = "the stack has \(bytes) bytes; at most \(PolicyStackLimits.stackBytesMax) are taken"
            found.append(StackFault(.tooLarge, file: "stack.yaml", line: nil, reason: reason))
        }
        self.files = known
        sources = Dictionary(
            known.values.filter { $0.path.hasPrefix("files/") }.map { (ByteText($0.path.dropFirst(6)), $0.bytes) }
        ) { first, _ in first }
        faults = found
    }

    /// What is wrong with a file whatever is in it.
    private static func faults(of file: StackFile) -> [StackFault] {
        let limit = file.path.hasPrefix("files/") ? PolicyStackLimits.sourceBytesMax : PolicyStackLimits.yamlBytesMax
        var found: [StackFault] = []
        if file.bytes.count > limit {
            let reason = "the file has \(file.bytes.count) bytes; at most \(limit) are taken"
            found.append(StackFault(.tooLarge, file: file.path, line: nil, reason: reason))
        }
        if !StackPath.isNormal(file.path) {
            let reason =
                "the path is not words of printable characters joined by /, without . and .., "
                + "\(PolicyStackLimits.pathBytesMax) bytes at most"
            found.append(StackFault(.badPath, file: file.path, line: nil, reason: reason))
        }
        return found
    }

    /// The stack, or everything that is wrong with it.
    mutating func read() -> Result<Stack, StackFaults> {
        // What is too large is not looked into.
        if !faults.contains(where: { $0.code == .tooLarge }) {
            readHead()
            readLayers()
            if !faults.contains(where: { $0.code == .tooLarge }) {
                var graph = StackGraph(layers)
                faults += graph.faults()
            }
        }
        if let all = StackFaults(faults) { return .failure(all) }
        guard let name else {
            return .failure(StackFaults(StackFault(.missingKey, file: "stack.yaml", line: 1, reason: "no name")))
        }
        return .success(Stack(name: name, settings: settings, layers: layers, files: Array(files.values)))
    }

    private mutating func readHead() {
        guard let file = files[ByteText("stack.yaml")] else {
            faults.append(
                StackFault(
                    .missingFile, file: "stack.yaml", line: nil, reason: "the stack has no stack.yaml",
                    next: "add stack.yaml with the line “stack: NAME”"))
            return
        }
        var yaml = StackYAML(file: file.path)
        do throws(StackFault) {
            let document = try YAMLFile.read(file)
            if let object = yaml.object(
                document.root, "the stack", required: ["stack"], optional: ["expiry", "rollout"])
            {
                name = yaml.name(object["stack"], "stack")
                readExpiry(object["expiry"], &yaml)
                readRollout(object["rollout"], &yaml)
            }
        } catch {
            faults.append(error)
        }
        faults += yaml.faults
    }

    private mutating func readLayers() {
        var seen: [String: String] = [:]
        let inLayers = files.values.filter { $0.path.hasPrefix("layers/") }.sorted {
            $0.path.utf8.lexicographicallyPrecedes($1.path.utf8)
        }
        for file in inLayers {
            let path = file.path
            let base = path.dropFirst("layers/".count)
            // Editors and git leave hidden files; whatever else is there was meant to be a layer.
            guard !base.hasPrefix(".") else { continue }
            guard !base.contains("/"), base.hasSuffix(".yaml") else {
                faults.append(
                    StackFault(
                        .badPath, file: path, line: nil, reason: "a layer is a file layers/NAME.yaml",
                        next: "rename it, or move it out of layers/"))
                continue
            }
            guard layers.count < PolicyStackLimits.layersMax else {
                let reason = "the stack has more than \(PolicyStackLimits.layersMax) layers"
                faults.append(StackFault(.tooLarge, file: path, line: nil, reason: reason))
                return
            }
            var reader = LayerReader(path: path, sources: sources)
            let layer = reader.read(file)
            faults += reader.yaml.faults
            guard let layer else { continue }
            if let other = seen.updateValue(path, forKey: layer.layer.name) {
                let reason = "the layer “\(layer.layer.name)” is in \(other) too"
                faults.append(StackFault(.duplicate, file: path, line: reader.nameLine, reason: reason))
            }
            layers.append(layer)
            resources += layer.layer.resources.count
            guard resources <= PolicyStackLimits.resourcesMax else {
                let reason = "the stack has more than \(PolicyStackLimits.resourcesMax) resources"
                faults.append(StackFault(.tooLarge, file: path, line: nil, reason: reason))
                return
            }
        }
        checkVariables()
    }

    private mutating func readExpiry(_ node: StackYAML.YAMLNode?, _ yaml: inout StackYAML) {
        guard let node, let object = yaml.object(node, "expiry", optional: ["policy", "after"]) else { return }
        let words: [(word: String, policy: PolicyExpiry)] = [
            ("enforce-last", .enforceLast), ("enforce-safe", .enforceSafe), ("stop", .stop),
        ]
        if let text = yaml.text(object["policy"], "policy") {
            if let known = words.first(where: { $0.word == text }) {
                settings.expiry = known.policy
            } else {
                let list = words.map(\.word).joined(separator: ", ")
                yaml.fault(
                    .badValue, "policy must be one of \(list), not “\(text.prefix(40))”",
                    line: object.line(of: "policy"))
            }
        }
        settings.maxAgeSeconds = yaml.seconds(object["after"], "after", max: PolicyLimits.ageSecondsMax)
        if !isKept, let seconds = settings.maxAgeSeconds, seconds < PolicyStackLimits.maxAgeSecondsMin {
            yaml.fault(
                .badValue,
                "after must be at least \(PolicyStackLimits.maxAgeSecondsMin) seconds, not \(seconds): an agent hears "
                    + "its owner at its check-ins, so that a policy of this age would expire while all is well",
                line: object.line(of: "after"))
        }
        if settings.expiry != .enforceLast, object["after"] == nil {
            yaml.fault(
                .missingKey, "expiry needs the key “after”: without it the policy never comes into play",
                line: object.line)
        }
    }

    private mutating func readRollout(_ node: StackYAML.YAMLNode?, _ yaml: inout StackYAML) {
        let keys = ["max_concurrent", "min_standing", "max_fail"]
        guard let node, let object = yaml.object(node, "rollout", optional: keys) else { return }
        let bound = Int64(UInt32.max)
        if let value = yaml.integer(object["max_concurrent"], "max_concurrent", 1...bound) {
            settings.rollout.maxConcurrent = UInt64(value)
        }
        if let value = yaml.integer(object["min_standing"], "min_standing", 0...bound) {
            settings.rollout.minStanding = UInt64(value)
        }
        if let value = yaml.integer(object["max_fail"], "max_fail", 0...bound) {
            settings.rollout.maxFail = UInt64(value)
        }
    }

    /// Variables that no layer has are slips; those of one that does not meet are found on the machine.
    private mutating func checkVariables() {
        let vars = Set(layers.flatMap(\.layer.vars.keys))
        let sorted = vars.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for layer in layers {
            for resource in layer.layer.resources {
                for (text, _) in resource.texts {
                    guard case .template(let template)? = try? BodyText(text, isFile: resource.isTemplateFile) else {
                        continue
                    }
                    for (name, line) in template.variablesOutside where name.parts.first == "vars" {
                        guard name.parts.count > 1, !vars.contains(name.parts[1]) else { continue }
                        let hint = NearestName.suggest(
                            name.parts[1], among: sorted.prefix(PolicyStackLimits.suggestionsMax)
                        ).map { "; did you mean “vars.\($0)”?" }
                        var (file, place) = (layer.layer.path, resource.line)
                        if case .file(.template(_, let path), _) = resource.kind {
                            (file, place) = ("files/\(path)", line)
                        }
                        faults.append(
                            StackFault(
                                .unknownVariable, file: file, line: place,
                                reason: "no layer has “\(name.text)”, which \(resource.id) takes\(hint ?? "")"))
                    }
                }
            }
        }
    }
}

/// Paths within a stack.
enum StackPath {
    /// Whether a path is relative, has no empty part, `.`, `..` or control character, and is not too long.
    static func isNormal(_ path: String) -> Bool {
        guard (1...PolicyStackLimits.pathBytesMax).contains(path.utf8.count),
            path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") })
        else { return false }
        return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
            !["", ".", ".."].contains { part.elementsEqual($0.utf8) }
        }
    }
}
