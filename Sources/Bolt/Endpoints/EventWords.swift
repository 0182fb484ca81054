internal import BoltAPI
internal import CRDT
internal import Identity
internal import Spanner

/// Events of the roster, told to people.
enum EventWords {
    static func view(_ event: RosterEvent, _ node: isolated NodeService, _ views: NodeViews) -> RosterFactView {
        let (kind, text) = words(event.payload)
        let (inForce, why) = effect(event, node)
        return RosterFactView(
            dot: event.dot, at: event.at, author: views.author(node, event.dot.replica), kind: kind, text: text,
            inForce: inForce, why: why)
    }

    private static func words(_ payload: RosterEvent.Payload) -> (kind: String, text: String) {
        switch payload {
        case .open(let chain):
            let who = chain.first.flatMap { try? Certificate(der: $0) }?.spiffeID?.description ?? "unknown"
            return ("open", "history of \(who) begins")
        case .admit(let admission): return ("admit", words(admission))
        case .amend(let amendment):
            var parts: [String] = []
            if let rekey = amendment.rekey { parts.append("key \(rekey.from) hands on to \(rekey.to)") }
            if let address = amendment.address { parts.append("address \(address)") }
            if amendment.labels != nil { parts.append("new labels") }
            if let group = amendment.group { parts.append("group \(group)") }
            return ("amend", parts.joined(separator: ", "))
        case .remove(let targets): return ("remove", "\(targets.count) admission\(targets.count == 1 ? "" : "s") end")
        case .token(let token):
            switch token.kind {
            case .oneShot(let home): return ("token", "one-shot token \(token.id) of partition \(home)")
            case .multiUse(let uses): return ("token", "token \(token.id) for \(uses) admissions")
            }
        case .act(let act): return words(act)
        case .topology, .slices: return (EventDescription.kind(payload), EventDescription.text(payload))
        case .unknown(let kind, let content): return ("unknown", "kind \(kind), \(content.count) bytes")
        }
    }

    private static func words(_ admission: Admission) -> String {
        "\(admission.role) \(admission.name) (\(admission.id)) with key \(admission.tlsKey)"
    }

    private static func words(_ signed: SignedAct) -> (kind: String, text: String) {
        guard let act = try? ActCodec.decode(signed.content) else { return ("act", "cannot be read") }
        let reason = act.reason.isEmpty ? "" : ": \(act.reason)"
        switch act.operation {
        case .admit(let admission): return ("act_admit", words(admission) + reason)
        case .remove(let principal, _, _): return ("act_remove", "principal \(principal)\(reason)")
        case .ban(let keys, let principal, _):
            let whom = principal.map { "principal \($0)" } ?? keys.map(\.description).joined(separator: ", ")
            return ("act_ban", "\(whom)\(reason)")
        case .resolve(let role, let name, let keep, _):
            return ("act_resolve", "\(role) \(name) goes to key \(keep)\(reason)")
        case .revokeToken(let token): return ("act_revoke_token", "token \(token)\(reason)")
        case .unknown(let kind, _): return ("act_unknown", "kind \(kind)\(reason)")
        }
    }

    private static func effect(_ event: RosterEvent, _ node: isolated NodeService) -> (Bool, String?) {
        let roster = node.machine.roster
        var carriesAct = false
        if case .act = event.payload { carriesAct = true }
        if !carriesAct, let cut = roster.cut(of: event.dot.replica), event.dot.counter > cut {
            return (false, "beyond the cut of its author's history")
        }
        switch event.payload {
        case .admit(let admission):
            let facts = roster.explain(id: admission.id)
            if facts.contains(where: { $0.kind == .inForce }) { return (true, nil) }
            return (false, facts.last { $0.kind != .admitted && $0.kind != .amended }?.text)
        case .unknown: return (false, "of a kind that this version does not know")
        case .open, .amend, .remove, .token, .act, .topology, .slices: return (true, nil)
        }
    }
}
