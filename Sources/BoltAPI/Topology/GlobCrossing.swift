public import Spanner

extension Glob {
    /// The shortest text that fits both patterns; nil where none does. Linear in the product of their lengths.
    public func shared(with other: Glob) -> String? {
        let (left, right) = (Array(pattern.utf8), Array(other.pattern.utf8))
        let width = right.count + 1
        let star = UInt8(ascii: "*")
        // How each pair of places was reached first: from which one, and by which byte.
        var reached: [(from: Int, byte: UInt8?)?] = Array(repeating: nil, count: (left.count + 1) * width)
        var (layer, end) = ([0], left.count * width + right.count)
        reached[0] = (0, nil)
        while !layer.isEmpty, reached[end] == nil {
            var next: [Int] = []
            // Places that a star leaves without a byte belong to the same layer, which grows while it is walked.
            var index = 0
            while index < layer.count {
                let place = layer[index]
                let (l, r) = (place / width, place % width)
                let (a, b) = (l < left.count ? left[l] : nil, r < right.count ? right[r] : nil)
                func visit(_ target: Int, _ byte: UInt8?, _ list: inout [Int]) {
                    guard reached[target] == nil else { return }
                    reached[target] = (place, byte)
                    list.append(target)
                }
                if a == star { visit(place + width, nil, &layer) }
                if b == star { visit(place + 1, nil, &layer) }
                if let a, let b, a == b, a != star { visit(place + width + 1, a, &next) }
                if a == star, let b, b != star { visit(place + 1, b, &next) }
                if b == star, let a, a != star { visit(place + width, a, &next) }
                index += 1
            }
            layer = next
        }
        guard reached[end] != nil else { return nil }
        var bytes: [UInt8] = []
        while end != 0, let (from, byte) = reached[end] {
            if let byte { bytes.append(byte) }
            end = from
        }
        return String(decoding: bytes.reversed(), as: UTF8.self)
    }
}
