/// Which version of the programs this is.
public enum BoltVersion {
    /// By semantic versioning.
    public static let text = "0.1.0"
}
