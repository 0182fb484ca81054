extension HandoffTarget {
    /// Whether the source handed the slice on, as far as this side knows: it is too late to refuse anything of it.
    public var isHandedOn: Bool { handOn != nil }

    /// Whether the digest of what is staged up to this place is still waited for.
    public func isJudging(_ point: LogPoint) -> Bool { digesting?.point == point }

    /// Everything up to the seal is here, and cannot be served: the source hears why while it can still take the seal
    /// back. Each repeat of the seal is looked at again, so that an answer that is lost does no harm.
    mutating func unfit(_ point: LogPoint, _ reasons: [String], _ effects: inout [Effect]) {
        guard let seal = digesting, seal.point == point else { return }
        digesting = nil
        guard state.phase == .receiving, handOn == nil, dropReason == nil else { return }
        wantedSeal = nil
        let named = reasons.prefix(HandoffLimits.blockersMax).map { HandoffSource.cut($0) }
        reply(.refused(named), &effects)
    }
}
