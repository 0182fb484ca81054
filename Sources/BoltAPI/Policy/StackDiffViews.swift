public import Spanner

/// Two stacks are to be compared: `POST /v1/stack/diff`. It changes nothing.
public struct StackDiffRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// The earlier one: a revision's name, the start of its digest, or its version's number; nil: what is in force.
    public var from: String?
    /// The later one; nil: what is in force, or `files` where there are any.
    public var to: String?
    /// All files of the later one; nil where it is a revision.
    public var files: [StackFileBody]?

    /// A comparison.
    public init(partition: PartitionName, from: String? = nil, to: String? = nil, files: [StackFileBody]? = nil) {
        (self.partition, self.from, self.to, self.files) = (partition, from, to, files)
    }
}

/// How two stacks differ.
public struct StackDiffResponse: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// The earlier one; nil for none, before the first.
    public var from: String?
    /// The later one; nil for the files that came with the request.
    public var to: String?
    /// Files that differ, by path; at most `APILimits.stackDiffFilesShown`.
    public var files: [StackFileDiffView]
    /// Files that differ and are not shown.
    public var omitted: Int
    /// What differs in how old the policy may become, one setting a line: `expiry.after 1h → 2h`.
    public var terms: [String]
    /// Machines of which layers, by layer: those that would get another body because of it.
    public var layers: [StackLayerDiffView]
    /// Machines that would get another policy: another body, or other terms.
    public var changed: UInt64
    /// Machines of the partition.
    public var envoys: UInt64
    /// Faults of the later one; where there are any, no machine is counted.
    public var faults: [StackFaultView]

    /// How two stacks differ.
    public init(
        partition: PartitionName, bolt: String, from: String?, to: String?, files: [StackFileDiffView],
        omitted: Int = 0, terms: [String] = [], layers: [StackLayerDiffView], changed: UInt64, envoys: UInt64,
        faults: [StackFaultView] = []
    ) {
        (self.partition, self.bolt, self.from, self.to) = (partition, bolt, from, to)
        (self.files, self.omitted, self.terms, self.layers) = (files, omitted, terms, layers)
        (self.changed, self.envoys, self.faults) = (changed, envoys, faults)
    }

    /// Whether there is any difference.
    public var hasChanges: Bool { !files.isEmpty || omitted > 0 }
}

/// How one file differs.
public struct StackFileDiffView: Hashable, Sendable, Codable {
    /// What happened to it.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Only the later stack has it.
        case added
        /// Only the earlier stack has it.
        case removed
        /// Both have it, with different content.
        case changed
    }

    /// Path below the stack's directory.
    public var path: String
    /// What happened to it.
    public var kind: Kind
    /// Lines that only the later one has; 0 for what is no text.
    public var added: Int
    /// Lines that only the earlier one has; 0 for what is no text.
    public var removed: Int
    /// The lines, as a unified diff; nil where it is no text, or too long: all files together have at most
    /// `APILimits.stackDiffBytesMax`.
    public var text: String?

    /// How a file differs.
    public init(path: String, kind: Kind, added: Int, removed: Int, text: String?) {
        (self.path, self.kind, self.added, self.removed, self.text) = (path, kind, added, removed, text)
    }
}

/// How many machines of a layer would get another body.
public struct StackLayerDiffView: Hashable, Sendable, Codable {
    /// The layer's name.
    public var layer: String
    /// Machines that the layer is for, in either stack, and that would get another body.
    public var changed: UInt64
    /// Machines that the layer is for, in the later stack.
    public var envoys: UInt64

    /// Machines of a layer.
    public init(layer: String, changed: UInt64, envoys: UInt64) {
        (self.layer, self.changed, self.envoys) = (layer, changed, envoys)
    }
}
