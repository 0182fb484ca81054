internal import CRDT

/// Events in words, for logs, `roster log` and audits. Programs read the event itself.
public enum EventDescription {
    /// Stable word for the kind of an event, as in `roster log -o json`.
    public static func kind(_ payload: RosterEvent.Payload) -> String {
        switch payload {
        case .open: "open"
        case .admit: "admit"
        case .amend: "amend"
        case .remove: "remove"
        case .token: "token"
        case .act: "act"
        case .topology: "topology"
        case .slices: "slices"
        case .unknown: "unknown"
        }
    }

    /// Stable word for the kind of an act.
    public static func kind(_ operation: OperatorAct.Operation) -> String {
        switch operation {
        case .admit: "admit"
        case .remove: "remove"
        case .ban: "ban"
        case .resolve: "resolve"
        case .revokeToken: "revoke-token"
        case .unknown: "unknown"
        }
    }

    /// One line that says what happened. Never secret: the roster holds none.
    public static func text(_ payload: RosterEvent.Payload) -> String {
        switch payload {
        case .open: return "history opened"
        case .admit(let admission): return text(admission)
        case .amend(let amendment): return text(amendment)
        case .remove(let targets): return "removed \(list(targets))"
        case .token(let record): return text(record)
        case .act(let signed):
            guard let act = try? ActCodec.decode(signed.content) else { return "an act that can't be read" }
            let reason = act.reason.isEmpty ? "" : " (\(act.reason))"
            return "operator's act: \(text(act.operation))\(reason)"
        case .topology(let part):
            return "topology \(part.apply.shortHex), part \(part.number + 1) of \(part.count)"
        case .slices(let delta): return text(delta)
        case .unknown(let kind, let content): return "event of unknown kind \(kind), \(content.count) bytes"
        }
    }

    /// One line that says what an operator decided.
    public static func text(_ operation: OperatorAct.Operation) -> String {
        switch operation {
        case .admit(let admission): return text(admission)
        case .remove(let principal, let targets, _): return "removed \(principal): \(list(targets))"
        case .ban(let keys, let principal, _):
            let whom = principal.map { " of \($0)" } ?? ""
            return "banned \(keys.map(\.bytes.shortHex).joined(separator: ", "))\(whom) for ever"
        case .resolve(let role, let name, let keep, let targets):
            return "\(role) \(name) goes to key \(keep.bytes.shortHex), ending \(list(targets))"
        case .revokeToken(let token): return "revoked token \(token)"
        case .unknown(let kind, let content): return "act of unknown kind \(kind), \(content.count) bytes"
        }
    }

    private static func text(_ admission: Admission) -> String {
        var words =
            "admitted \(admission.role) \(admission.name) (\(admission.id)), key \(admission.tlsKey.bytes.shortHex)"
        if let partition = admission.partition { words += ", partition \(partition)" }
        if let group = admission.group { words += ", group \(group)" }
        if let address = admission.address { words += ", at \(address)" }
        if let token = admission.token { words += ", token \(token)" }
        return words
    }

    private static func text(_ delta: SliceDelta) -> String {
        let shown = delta.transitions.prefix(4).map { signed in
            let transition = signed.transition
            let verb = transition.isHandOn ? "handed on" : "taken over"
            return "slice \(transition.slice) \(verb) from \(transition.from) to \(transition.to)"
        }
        let rest = delta.transitions.count - shown.count
        return shown.joined(separator: "; ") + (rest > 0 ? "; and \(rest) more" : "")
    }

    private static func text(_ amendment: Amendment) -> String {
        var changes: [String] = []
        if let labels = amendment.labels {
            changes.append("labels \(labels.map { "\($0.key)=\($0.value)" }.joined(separator: ","))")
        }
        if let address = amendment.address { changes.append("address \(address)") }
        if let group = amendment.group { changes.append("group \(group)") }
        if let rekey = amendment.rekey {
            changes.append("key \(rekey.from.bytes.shortHex) handed on to \(rekey.to.bytes.shortHex)")
        }
        return "amended \(amendment.base): \(changes.joined(separator: "; "))"
    }

    private static func text(_ record: JoinTokenRecord) -> String {
        switch record.kind {
        case .oneShot(let home): "token \(record.id), once, at \(home)"
        case .multiUse(let uses): "token \(record.id), \(uses) uses"
        }
    }

    private static func list(_ dots: [Dot]) -> String { dots.map(\.description).joined(separator: ", ") }
}
