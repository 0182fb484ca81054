/// The terminal that texts are written for.
enum Screen {
    /// What every terminal has. What does not fit is in the other forms of the output.
    static let columns = 80
}
