public import CRDT

/// What the known transitions of a slice say about one handoff of it. It may be another with each that is heard of.
public enum HandoffOutlook: Hashable, Sendable {
    /// Nothing followed the order's register.
    case open
    /// The hand-on counts, and nothing followed it; the register that it began.
    case handedOn(Bytes32)
    /// The hand-on counts, and whoever had the slice by it handed it on himself: he served it, safe.
    case passedOn(Bytes32)
    /// The hand-on counts, and an operator took the slice over after it: who had it by then may be lost with all of it.
    case overtaken(Bytes32)
    /// The source handed the slice to another, or under another order.
    case elsewhere
    /// An operator took the slice over before a hand-on, or the order's register does not count any more.
    case takenOver

    /// The register that the hand-on began, where that counts.
    public var handOn: Bytes32? {
        switch self {
        case .handedOn(let hash), .passedOn(let hash), .overtaken(let hash): hash
        case .open, .elsewhere, .takenOver: nil
        }
    }
}

extension SliceWalk {
    /// What the walk says about a handoff. A hand-on beats a takeover of the same register however late it is heard
    /// of, so that `takenOver` may become `handedOn`.
    public func outlook(of order: HandoffOrder) -> HandoffOutlook {
        guard let place = path.firstIndex(where: { $0.transition.base == order.register.hash }) else {
            // What is not known here may be to come; what is beside the walk, and behind it, does not count.
            return passed(order.register.hash) == nil && register.position > order.register.position
                ? .takenOver : .open
        }
        let step = path[place]
        guard step.transition.isHandOn else { return .takenOver }
        guard order.leads(to: step.transition) else { return .elsewhere }
        let later = path[(place + 1)...]
        if later.isEmpty { return .handedOn(step.register.hash) }
        return later.allSatisfy(\.transition.isHandOn)
            ? .passedOn(step.register.hash) : .overtaken(step.register.hash)
    }
}
