public import CRDT

/// Some transitions on their way to a peer, or to the disk. Chains are written once, however many transitions share
/// them.
public struct SliceDelta: Hashable, Sendable {
    /// The transitions, in the sender's order.
    public let transitions: [SignedTransition]

    /// A delta of these transitions.
    public init(_ transitions: [SignedTransition]) { self.transitions = transitions }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { transitions.isEmpty }

    /// Deltas that keep the limits of one message each.
    static func pieces(of transitions: [SignedTransition]) -> [SliceDelta] {
        var pieces: [SliceDelta] = []
        var piece: [SignedTransition] = []
        var warrants: Set<SliceWarrant> = []
        for signed in transitions {
            let isFull = piece.count == SliceLimits.deltaTransitionsMax
            let isFullOfWarrants =
                warrants.count == SliceLimits.deltaWarrantsMax && !warrants.contains(signed.warrant)
            if isFull || isFullOfWarrants {
                pieces.append(SliceDelta(piece))
                (piece, warrants) = ([], [])
            }
            piece.append(signed)
            warrants.insert(signed.warrant)
        }
        if !piece.isEmpty { pieces.append(SliceDelta(piece)) }
        return pieces
    }
}

extension SliceDelta: CanonicalValue {
    /// The chains, ascending; then each transition with its chain's number and its signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        let warrants = Set(transitions.map(\.warrant)).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: zip(warrants, warrants.indices))
        encoder.list(warrants) { encoder, warrant in warrant.encode(to: &encoder) }
        encoder.list(transitions) { encoder, signed in
            encoder.count(numbers[signed.warrant] ?? 0)
            signed.transition.encode(to: &encoder)
            encoder.raw(signed.signature)
        }
    }

    /// Reads what `encode(to:)` wrote; a chain that no transition needs, or out of order, is refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let warrants = try decoder.list("chains", limit: SliceLimits.deltaWarrantsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try SliceWarrant(from: &decoder)
        }
        for (left, right) in zip(warrants, warrants.dropFirst()) where left >= right {
            throw .notCanonical(what: "order of chains")
        }
        var used: Set<Int> = []
        let read = try decoder.list("transitions", limit: SliceLimits.deltaTransitionsMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let number = try decoder.integer()
            guard number < UInt64(warrants.count) else { throw .invalid(what: "number of a chain") }
            used.insert(Int(number))
            let transition = try SliceTransition(from: &decoder)
            let signature = try decoder.raw(SliceLimits.signatureBytes)
            return SignedTransition(transition, warrant: warrants[Int(number)], signature: signature)
        }
        guard used.count == warrants.count else { throw .notCanonical(what: "chain without a transition") }
        transitions = read
    }
}
