import CRDT
import Spanner
import SpannerTestKit

/// What should be in force, worked out from nothing but the set of events, with loops over everything and no index:
/// slow, and written from the definitions rather than from the code under test.
struct RosterOracle {
    struct Act {
        let id: Bytes32
        let act: OperatorAct
        let signer: Author
        var carriers: Set<Dot>
    }
    struct Entry {
        let admission: Admission
        var dots: Set<Dot>
        let act: Bytes32?
        var first: Dot { dots.min() ?? Dot(ReplicaID(key: .zero, incarnation: 0), 1) }
    }

    var authors: [ReplicaID: Author] = [:]
    var acts: [Bytes32: Act] = [:]
    var entries: [Entry] = []
    var amendments: [(dot: Dot, amendment: Amendment)] = []
    var removals: [(dot: Dot, targets: [Dot])] = []
    var tokens: [(dot: Dot, record: JoinTokenRecord)] = []
    var edges: [(Bytes32, Bytes32)] = []
    var cuts: [ReplicaID: UInt64] = [:]
    private var lowest: [Bytes32: Bytes32] = [:]

    init(_ events: [(event: RosterEvent, author: Author)], witness: any Witness) {
        for (event, author) in events {
            authors[event.dot.replica] = author
            if author.standing != .root { edges.append((author.tlsKey.bytes, author.signingKey.bytes)) }
            switch event.payload {
            case .open, .topology, .slices, .unknown: break
            case .admit(let admission): entries.append(Entry(admission: admission, dots: [event.dot], act: nil))
            case .amend(let amendment):
                amendments.append((event.dot, amendment))
                if let rekey = amendment.rekey { edges.append((rekey.from.bytes, rekey.to.bytes)) }
            case .remove(let targets): removals.append((event.dot, targets))
            case .token(let record): tokens.append((event.dot, record))
            case .act(let signed): take(signed, event.dot, witness)
            }
        }
        name()
        for (replica, author) in authors where author.standing != .root {
            let seen = acts.values.filter { act in
                if case .ban(let keys, _, _) = act.act.operation {
                    return keys.contains { related($0.bytes, author.tlsKey.bytes) }
                }
                return removes(act, author.tlsKey)
            }.compactMap { $0.act.cutForTest?.seen[replica] }
            cuts[replica] = seen.min()
        }
    }

    private mutating func take(_ signed: SignedAct, _ dot: Dot, _ witness: any Witness) {
        guard let act = try? ActCodec.decode(signed.content), let signer = witness.author(certifiedBy: signed.chain)
        else { return }
        let id = witness.hash(signer.signingKey.bytes.bytes + signed.content)
        if signer.standing != .root { edges.append((signer.tlsKey.bytes, signer.signingKey.bytes)) }
        acts[id, default: Act(id: id, act: act, signer: signer, carriers: [])].carriers.insert(dot)
        if case .admit(let admission) = act.operation {
            if let signing = admission.signingKey { edges.append((admission.tlsKey.bytes, signing.bytes)) }
            if let known = entries.firstIndex(where: { $0.act == id }) {
                entries[known].dots.insert(dot)
            } else {
                entries.append(Entry(admission: admission, dots: [dot], act: id))
            }
        }
    }

    /// Each key's lineage is named by its lowest member: passed along every edge until nothing changes.
    private mutating func name() {
        for (one, two) in edges { (lowest[one], lowest[two]) = (one, two) }
        var grew = true
        while grew {
            grew = false
            for (one, two) in edges {
                guard let left = lowest[one], let right = lowest[two], left != right else { continue }
                (lowest[one], lowest[two]) = (min(left, right), min(left, right))
                grew = true
            }
        }
    }

    func related(_ left: Bytes32, _ right: Bytes32) -> Bool { (lowest[left] ?? left) == (lowest[right] ?? right) }

    func isBanned(_ key: KeyFingerprint) -> Bool {
        acts.values.contains { act in
            guard case .ban(let keys, _, _) = act.act.operation else { return false }
            return keys.contains { related($0.bytes, key.bytes) }
        }
    }

    private func targets(_ act: Act, _ entry: Entry) -> Bool {
        guard case .remove(_, let targets, _) = act.act.operation else { return false }
        return !entry.dots.isDisjoint(with: targets)
    }

    /// Whether a removal by act takes the lineage of `key` away, as a bolt's or an operator's.
    func removes(_ act: Act, _ key: KeyFingerprint) -> Bool {
        entries.contains { entry in
            guard targets(act, entry), related(entry.admission.tlsKey.bytes, key.bytes) else { return false }
            switch entry.admission.role {
            case .envoy: return false
            case .operator: return true
            case .bolt: return inForce(act)
            }
        }
    }

    func inForce(_ act: Act) -> Bool {
        if act.signer.standing == .root { return true }
        if case .ban = act.act.operation { return true }
        let key = act.signer.tlsKey.bytes
        return acts.values.allSatisfy { other in
            var cutting = false
            if case .ban(let keys, _, _) = other.act.operation {
                cutting = keys.contains { related($0.bytes, key) }
            }
            cutting =
                cutting
                || entries.contains {
                    $0.admission.role == .operator && targets(other, $0) && related($0.admission.tlsKey.bytes, key)
                }
            guard cutting, let seen = other.act.cutForTest?.seen else { return true }
            return act.carriers.contains { seen.contains($0) }
        }
    }

    func inForce(_ dot: Dot) -> Bool { dot.counter <= cuts[dot.replica] ?? .max }

    func isLive(_ entry: Entry) -> Bool {
        let (key, role) = (entry.admission.tlsKey, entry.admission.role)
        if isBanned(key) { return false }
        if let act = entry.act {
            guard let act = acts[act], inForce(act) else { return false }
        } else if !inForce(entry.first) {
            return false
        }
        if role != .envoy, acts.values.contains(where: { removes($0, key) }) { return false }
        if role == .envoy,
            removals.contains(where: { inForce($0.dot) && !entry.dots.isDisjoint(with: $0.targets) })
        {
            return false
        }
        return !acts.values.contains { act in
            if targets(act, entry) { return role == .operator || inForce(act) }
            guard case .resolve(_, _, let keep, let targets) = act.act.operation else { return false }
            return !entry.dots.isDisjoint(with: targets) && !related(keep.bytes, key.bytes) && inForce(act)
        }
    }

    func amendments(of entry: Entry) -> [(dot: Dot, amendment: Amendment)] {
        amendments.filter { change in
            guard entry.dots.contains(change.amendment.base), inForce(change.dot) else { return false }
            switch entry.admission.role {
            case .operator: return false
            case .bolt:
                guard let author = authors[change.dot.replica],
                    related(author.tlsKey.bytes, entry.admission.tlsKey.bytes)
                else { return false }
            case .envoy: break
            }
            if let rekey = change.amendment.rekey, rekey.principal != entry.admission.id { return false }
            return !acts.values.contains { act in
                guard case .resolve(_, _, let keep, let targets) = act.act.operation else { return false }
                return targets.contains(change.dot) && change.amendment.rekey?.to != keep && inForce(act)
            }
        }
    }
}

extension OperatorAct {
    var cutForTest: Cut? {
        switch operation {
        case .remove(_, _, let cut), .ban(_, _, let cut): cut
        default: nil
        }
    }
}
