internal import Spanner

/// Which acts of its genesis file a bolt is to carry into the roster.
enum GenesisActs {
    /// Those that the roster has not heard of. A bolt without a history of its own carries its own admission in any
    /// case: gossip may have brought that before, and a bolt that writes nothing would have no history that others
    /// know.
    static func toCarry(
        _ acts: [SignedAct], ownKey: KeyFingerprint, hasHistory: Bool, isKnown: (Admission) -> Bool
    ) -> [SignedAct] {
        acts.filter { act in
            guard let decoded = try? ActCodec.decode(act.content) else { return false }
            guard case .admit(let admission) = decoded.operation else { return true }
            if !hasHistory, admission.role == .bolt, admission.tlsKey == ownKey { return true }
            return !isKnown(admission)
        }
    }
}
