import CRDT

/// The laws of a join, as a list of those that these states break. Encodings are compared byte for byte.
func brokenLaws<State: Lattice & CanonicalValue>(_ states: [State]) -> [String] {
    var broken: [String] = []
    func check(_ law: String, _ left: State, _ right: State) {
        if left != right || left.canonicalBytes != right.canonicalBytes { broken.append(law) }
    }
    for a in states {
        check("idempotent", a.merged(with: a), a)
        for b in states {
            let ab = a.merged(with: b)
            check("commutative", ab, b.merged(with: a))
            check("absorbing", ab.merged(with: b), ab)
            if !ab.includes(a) || !ab.includes(b) { broken.append("inflationary") }
            if a.includes(b) != (ab == a) { broken.append("includes agrees with merge") }
            for c in states { check("associative", ab.merged(with: c), a.merged(with: b.merged(with: c))) }
        }
        var decoder = CanonicalDecoder(a.canonicalBytes)
        do {
            check("round trip", try State(from: &decoder), a)
            try decoder.finish()
        } catch {
            broken.append("decodes: \(error)")
        }
    }
    return Array(Set(broken)).sorted()
}
