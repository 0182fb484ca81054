import LoopbackKit

extension PlainHTTP {
    /// The sum of a metric's series whose labels hold `label`.
    static func metric(_ name: String, label: String = "", in text: String) -> Double {
        text.split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix(name), let next = line.dropFirst(name.count).first, next == " " || next == "{",
                label.isEmpty || line.contains(label)
            else { return sum }
            return sum + (line.split(separator: " ").last.flatMap { Double($0) } ?? 0)
        }
    }
}
