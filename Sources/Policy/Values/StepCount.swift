/// Counts what a search costs, so that it ends by a number and not by a clock: the same text, the same answer.
struct StepCount {
    /// Steps that may be taken.
    let most: Int
    /// Steps that were taken.
    private(set) var taken = 0

    /// A search of so many steps.
    init(most: Int) { self.most = most }

    /// Whether more was taken than may be.
    var isOver: Bool { taken > most }

    /// Takes steps.
    mutating func take(_ count: Int = 1) { taken += count }
}
