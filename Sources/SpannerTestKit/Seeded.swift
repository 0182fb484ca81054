import Spanner

/// Choices of tests and benchmarks, all from one seed: a failing run is a number.
public struct Seeded: RandomNumberGenerator, Sendable {
    private var numbers: SeededGenerator

    /// The choices of a seed.
    public init(_ seed: UInt64) { numbers = SeededGenerator(seed: seed) }

    /// The next 64 bits.
    public mutating func next() -> UInt64 { numbers.next() }

    /// A number in `0..<bound`; 0 where there is none.
    public mutating func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(next() % UInt64(bound)) }

    /// True in so many of a hundred.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of several; there must be one.
    public mutating func pick<Element>(_ values: [Element]) -> Element { values[below(values.count)] }

    /// So many bytes.
    public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
