/// A grow-only set: what was put in by anyone stays in.
public struct GSet<Element: LatticeElement>: Lattice {
    private var members: Set<Element> = []

    /// An empty set.
    public init() {}

    /// A set of these elements.
    public init(_ elements: some Sequence<Element>) { members = Set(elements) }

    /// The elements, ascending.
    public var elements: [Element] { members.sorted() }

    /// How many elements are in.
    public var count: Int { members.count }

    /// Whether the element is in.
    public func contains(_ element: Element) -> Bool { members.contains(element) }

    /// Puts the element in and returns the delta; nil when it was in already.
    @discardableResult
    public mutating func insert(_ element: Element) -> GSet? {
        members.insert(element).inserted ? GSet(CollectionOfOne(element)) : nil
    }

    /// Union.
    public mutating func merge(_ other: GSet) { members.formUnion(other.members) }

    /// Whether `other` holds nothing that is not here.
    public func includes(_ other: GSet) -> Bool { members.isSuperset(of: other.members) }

    /// Reads at most `limit` elements in strictly ascending order.
    public init(from decoder: inout CanonicalDecoder, limit: Int) throws(DecodingFailure) {
        let total = try decoder.count("elements of a set", limit: limit)
        var order = AscendingCheck<Element>("set order")
        for _ in 0..<total {
            let element = try Element(from: &decoder)
            try order.next(element)
            members.insert(element)
        }
    }
}

extension GSet: CanonicalValue {
    /// Count, then the elements in order.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(elements) { encoder, element in element.encode(to: &encoder) }
    }

    /// Reads a set within the limits of one message.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        try self.init(from: &decoder, limit: DecodingLimits.message.rowsMax)
    }
}
