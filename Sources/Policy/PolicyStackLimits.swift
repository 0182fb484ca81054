/// Bounds of stacks, bodies and what is made of them. What is over one is refused by name, never cut.
public enum PolicyStackLimits {
    /// Names that a misspelt one is compared with: what is asked for is a hint, not a search.
    static let suggestionsMax = 2_000
    /// Files of a stack, of all kinds.
    public static let filesMax = 4_096
    /// Bytes of all files together.
    public static let stackBytesMax = 16 * 1_024 * 1_024
    /// Bytes of one file of YAML.
    public static let yamlBytesMax = 1_024 * 1_024
    /// Bytes of one file under `files/`.
    public static let sourceBytesMax = 512 * 1_024
    /// Bytes of a path within a stack.
    public static let pathBytesMax = 255
    /// Layers.
    public static let layersMax = 256
    /// Resources of one layer.
    public static let layerResourcesMax = 10_000
    /// Resources of all layers, and of a body.
    public static let resourcesMax = 20_000
    /// Definitions of one resource, in all layers.
    public static let definitionsMax = 512
    /// Comparisons of definitions, matches and conditions that finding faults of a stack may take.
    static let comparisonsMax = 8_000_000
    /// Steps along requirements, and comparisons, that finding circles of a stack may take.
    static let circleStepsMax = 4_000_000
    /// Resources of a circle's group from which a way back is looked for.
    static let circleStartsMax = 32
    /// Entries of one list, or one mapping, that is no list of resources.
    public static let entriesMax = 1_024
    /// Levels of lists and mappings within each other.
    public static let valueDepthMax = 32
    /// Values within one resource, or among the vars of one layer.
    public static let valuesMax = 20_000
    /// Bytes of an id of a resource.
    public static let resourceIDBytesMax = 1_024
    /// Bytes of a path on a machine, as Linux has it.
    public static let machinePathBytesMax = 4_095
    /// Bytes of the name of a secret.
    public static let secretNameBytesMax = 128
    /// Secrets that one body may name.
    public static let secretsMax = 1_024
    /// Faults that are told at once.
    public static let faultsMax = 200
    /// Bytes of a body.
    public static let bodyBytesMax = 1_024 * 1_024
    /// Sections of a template within each other.
    public static let templateDepthMax = 16
    /// Tags of one template.
    public static let templateTagsMax = 1_024
    /// Bytes that one template may come to.
    public static let templateOutputBytesMax = 1_024 * 1_024
    /// Steps that one template may take: each text, tag and turn of a section is one.
    public static let templateStepsMax = 200_000
    /// Bytes that all templates of a pass may come to.
    public static let passOutputBytesMax = 32 * 1_024 * 1_024
    /// Steps that all templates of a pass may take.
    public static let passStepsMax = 4_000_000
    /// Shortest age in seconds that a policy may expire at. An agent hears its owner at its check-ins, 60 s apart where
    /// nobody says otherwise, and what it hears then may be `PolicyLimits.beaconValidSeconds` old: one that works
    /// stays below this, even where a check-in is missed.
    public static let maxAgeSecondsMin: UInt64 = 300
    /// Longest time that a command or a handler may take.
    public static let timeoutSecondsMax = 86_400
    /// Time that a command may take where the stack does not say.
    public static let execTimeoutSeconds = 300
    /// Time that a handler may take where the stack does not say.
    public static let handlerTimeoutSeconds = 900
}
