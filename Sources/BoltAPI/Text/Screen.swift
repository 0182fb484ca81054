/// The terminal that texts are written for.
public enum Screen {
    /// What every terminal has. What does not fit is in the other forms of the output.
    public static let columns = 80
}
