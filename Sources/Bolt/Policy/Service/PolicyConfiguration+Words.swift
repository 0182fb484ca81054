extension PolicyConfiguration {
    /// The kind of the source, as settings have it.
    var kind: String {
        switch source {
        case .none: "none"
        case .directory: "directory"
        case .git: "git"
        }
    }
}
