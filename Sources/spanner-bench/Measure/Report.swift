import Glibc

/// Prints figures as they come, on standard output, and what they were measured on.
struct Report {
    private var failures = 0

    /// A bound that a figure aims at.
    enum Aim {
        case none
        case atMost(Double, String)
        case atLeast(Double, String)
    }

    /// The machine, and how busy it is.
    func begin() {
        emit("processors \(sysconf(Int32(_SC_NPROCESSORS_ONLN))), load \(Report.load())")
        #if DEBUG
        emit("built for debugging: these figures say nothing; use script/bench")
        #endif
    }

    func section(_ name: String) { emit("\n\(name)") }

    /// Times in seconds, with the ratio of medians to a control's and the part of the aim that was used.
    mutating func times(
        _ name: String, _ series: Series, control: (name: String, series: Series)? = nil, aim: Aim = .none
    ) {
        var line = "  \(pad(name, 46)) \(time(series.median))  [\(time(series.least)) … \(time(series.most))]"
        line += "  n=\(series.values.count)"
        if let control { line += "  = \(digits(series.median / control.series.median)) × \(control.name)" }
        emit(line + judge(series.median, aim))
    }

    /// A number with its unit.
    mutating func value(_ name: String, _ value: Double, _ unit: String, aim: Aim = .none) {
        emit("  \(pad(name, 46)) \(digits(value)) \(unit)" + judge(value, aim))
    }

    func note(_ text: String) { emit("  \(text)") }

    func end() { emit("\nload \(Report.load())" + (failures == 0 ? "" : "; \(failures) aims missed")) }

    /// A line on standard output, at once: in a pipe too, figures appear as they come.
    private func emit(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }

    private mutating func judge(_ value: Double, _ aim: Aim) -> String {
        switch aim {
        case .none: return ""
        case .atMost(let bound, let text):
            if value > bound { failures += 1 }
            return "  aim ≤ \(text): \(value <= bound ? "met" : "MISSED")"
        case .atLeast(let bound, let text):
            if value < bound { failures += 1 }
            return "  aim ≥ \(text): \(value >= bound ? "met" : "MISSED")"
        }
    }

    private func time(_ seconds: Double) -> String {
        switch seconds {
        case ..<1e-6: "\(digits(seconds * 1e9)) ns"
        case ..<1e-3: "\(digits(seconds * 1e6)) µs"
        case ..<1: "\(digits(seconds * 1e3)) ms"
        case _: "\(digits(seconds)) s"
        }
    }

    /// Three significant digits.
    private func digits(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return "\(value)" }
        let size = value.magnitude
        let step: Double = size >= 100 ? 1 : size >= 10 ? 10 : size >= 1 ? 100 : size >= 0.1 ? 1000 : 10000
        let rounded = (value * step).rounded() / step
        return step == 1 ? "\(Int(rounded))" : "\(rounded)"
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
    }

    /// The load averages of 1, 5 and 15 minutes.
    private static func load() -> String {
        var values = [Double](repeating: 0, count: 3)
        guard getloadavg(&values, 3) == 3 else { return "unknown" }
        return values.map { "\(($0 * 100).rounded() / 100)" }.joined(separator: " ")
    }
}
