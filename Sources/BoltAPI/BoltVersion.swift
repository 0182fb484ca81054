/// Which release all three programs are of.
public enum BoltVersion {
    /// Semantic version.
    public static let text = "0.1.0"
}
