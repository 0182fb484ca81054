/// Numbers of bytes as people write and read them: units are of 1024.
public enum ByteText {
    /// The bytes of `512`, `64M`, `2GiB`; nil for anything else, or more than 64 bits hold.
    public static func bytes(_ text: String) -> UInt64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits), let factor = factors[text.dropFirst(digits.count).lowercased()] else {
            return nil
        }
        let (product, isOver) = number.multipliedReportingOverflow(by: factor)
        return isOver ? nil : product
    }

    /// `512 bytes`, `1.5 GiB`.
    public static func text(_ bytes: UInt64) -> String {
        guard bytes >= 1024 else { return Plural.text(bytes, "byte") }
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (value, unit) = (Double(bytes), 0)
        // From where a number would be rounded up to 1024.0 the next unit tells it better.
        while value >= 1023.95, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    private static let factors: [String: UInt64] = {
        var all: [String: UInt64] = ["": 1, "b": 1]
        for (place, unit) in ["k", "m", "g", "t"].enumerated() {
            for form in [unit, unit + "b", unit + "ib"] { all[form] = 1 << UInt64(10 * (place + 1)) }
        }
        return all
    }()
}
