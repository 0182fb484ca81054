/// Tells on standard error what is being waited for: only what is new, and at most one line a second.
struct Progress {
    private let clock = ContinuousClock()
    private var last: (text: String, at: ContinuousClock.Instant)?
    private let began: ContinuousClock.Instant

    init() { began = clock.now }

    /// Says it, where the wait has lasted a moment and something else was said before.
    mutating func say(_ text: @autoclosure () -> String) {
        guard clock.now - (last?.at ?? began) >= .seconds(1) else { return }
        let text = text()
        guard text != last?.text else { return }
        last = (text, clock.now)
        Console.note(text)
    }
}
