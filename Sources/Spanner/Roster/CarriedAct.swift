public import CRDT

/// An operator's act as the roster holds it.
public struct CarriedAct: Hashable, Sendable {
    /// Which act: the same on every bolt.
    public let id: Bytes32
    /// When, by the operator's clock.
    public let at: WallTime
    /// Who decided.
    public let signer: Author.Standing
    /// Events that carry it, ascending; at least one.
    public let carriers: [Dot]
}

extension Roster {
    /// An act by its id; nil where it is not held.
    public func act(_ id: Bytes32) -> CarriedAct? {
        guard let place = facts.actPlaces[id] else { return nil }
        let fact = facts.acts[place]
        return CarriedAct(
            id: id, at: fact.verified.act.at, signer: fact.verified.signer.standing,
            carriers: fact.carriers.map { dot($0) }.sorted())
    }
}
