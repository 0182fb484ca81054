internal import CRDT

extension Roster {
    /// The act that a bolt is asked to carry, with its signer, where it may: `verify`, and it gives no key in force for
    /// one bolt or operator a second id. `pending`: what waits to be written and counts as if it were.
    ///
    /// A peer's event is not refused for this: it is judged by itself alone, and shows as a contest. What this bolt
    /// itself is asked to write it can still prevent. Throws `act_invalid` and `key_in_use`.
    public func carriable(
        _ signed: SignedAct, beside pending: [RosterEvent.Payload] = []
    ) throws(RosterDraftError) -> (act: OperatorAct, signer: Author) {
        let verified = try verify(signed)
        guard case .admit(let admission) = verified.act.operation else { return verified }
        for key in admission.ownKeys {
            guard let claim = claim(admission.role, key: key) else { continue }
            let holder = principal(of: claim)
            if holder.id != admission.id { throw secondID(key, admission, of: holder.id) }
        }
        for case .act(let other) in pending where other != signed {
            guard let act = try? ActCodec.decode(other.content), case .admit(let earlier) = act.operation,
                earlier.role == admission.role, earlier.id != admission.id,
                let key = admission.ownKeys.first(where: { earlier.ownKeys.contains($0) })
            else { continue }
            throw secondID(key, admission, of: earlier.id)
        }
        return verified
    }

    private func secondID(_ key: KeyFingerprint, _ admission: Admission, of holder: PrincipalID) -> RosterDraftError {
        RosterDraftError(
            .keyInUse,
            "key \(key) is in force for \(admission.role) \(holder): it can't be \(admission.id) as well; remove that "
                + "one first, or admit \(admission.name) with a key of its own")
    }
}

extension Admission {
    /// The keys that it names, as a lineage knows them.
    fileprivate var ownKeys: [KeyFingerprint] {
        [tlsKey] + (signingKey.map { [KeyFingerprint($0.bytes)] } ?? [])
    }
}
