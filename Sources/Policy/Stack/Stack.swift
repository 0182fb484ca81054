public import CRDT
public import Spanner

/// A policy as people write it: files that were read and found without fault.
///
/// `stack.yaml` names it, `layers/*.yaml` say which machines are to be what, in the order of their paths, and `files/`
/// holds what they copy and fill in. Nothing in it is of one machine, and no secret's value is in it.
public struct Stack: Sendable {
    /// Its name.
    public let name: String
    /// What `stack.yaml` says beside that.
    public let settings: StackSettings
    /// Names of all secrets that it needs: ascending, each once.
    public let secretNames: [String]
    /// Its files by path: `stack.yaml`, what is in `layers/` and below `files/`. What the digest is of.
    public let canonicalFiles: [StackFile]
    /// In order.
    let layers: [StackLayer]

    /// Reads a stack. Fails with all faults that were found, by file and line; never traps, whatever the bytes are.
    ///
    /// Files that belong to no stack, such as a README, are left alone. Bounds are in `PolicyStackLimits`. `isKept`: it
    /// was published before, so that an age below `maxAgeSecondsMin` is no fault: it stays what it was.
    public static func read(_ files: [StackFile], isKept: Bool = false) -> Result<Stack, StackFaults> {
        var reader = StackReader(files, isKept: isKept)
        return reader.read()
    }

    /// Whether a file of a directory, by its path from there, is part of the stack in that directory.
    public static func takes(_ path: String) -> Bool { StackReader.belongs(path) }

    init(name: String, settings: StackSettings, layers: [StackLayer], files: [StackFile]) {
        (self.name, self.settings, self.layers) = (name, settings, layers)
        canonicalFiles = files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        var names: Set<String> = []
        for resource in layers.flatMap(\.layer.resources) {
            for (text, _) in resource.texts {
                names.formUnion(BodyText.secrets(in: text, isFile: resource.isTemplateFile))
            }
        }
        secretNames = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Which layers a machine can get. Cost: that of the layers' patterns, whatever is in the layers.
    public func selection(for machine: StandingFacts) -> StackSelection {
        let indices = layers.indices.filter { layers[$0].standing.holds(for: machine) }
        return StackSelection(indices: indices, layers: indices.map { layers[$0].layer.name })
    }

    /// The body of a selection of this stack: equal selections give equal bytes. Cost: that of the layers selected.
    ///
    /// Fails with what is wrong with these layers together, or where the body is over a limit.
    public func body(of selection: StackSelection) -> Result<PolicyBody, StackFaults> {
        let chosen = selection.indices.filter { layers.indices.contains($0) }.map { layers[$0] }
        var graph = StackGraph(chosen, areSelected: true)
        if let faults = StackFaults(graph.faults()) { return .failure(faults) }
        do throws(PolicyBodyFailure) {
            return .success(try PolicyBody(layers: chosen.map(\.layer)))
        } catch {
            let names = selection.layers.prefix(8).joined(separator: ", ") + (selection.layers.count > 8 ? ", …" : "")
            return .failure(
                StackFaults(
                    StackFault(
                        .bodyTooLarge, file: "stack.yaml", line: nil,
                        reason: "for machines of the layers \(names) \(error)")))
        }
    }

    /// Hash of all files: equal files, equal digest, in whatever order they were read.
    public func digest(by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder(
            capacity: canonicalFiles.reduce(64) { $0 + $1.bytes.count + $1.path.utf8.count + 8 })
        encoder.text("bolt-stack-1")
        encoder.list(canonicalFiles) { inner, file in
            inner.text(file.path)
            inner.string(file.bytes)
        }
        return witness.hash(encoder.bytes)
    }
}
