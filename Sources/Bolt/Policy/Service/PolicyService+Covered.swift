internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

/// What bolts of other partitions are shown, so that they can cover this one: grants and boxes that only the envoys can
/// open.
extension PolicyService {
    /// Bytes of paths and boxes in one page.
    private static let pageBytes = 384 * 1024
    /// Bits of a mark below the version: how many were given it.
    private static let givenBits: UInt64 = 24

    /// How far what envoys were given is: it grows with each version, and with each envoy that is given one. The same
    /// at each primary, by the journal alone.
    private func mark(of reign: PolicyReign, _ sequence: UInt64) -> UInt64 {
        let given = reign.deliveries.values.count { $0.sequence == sequence }
        return sequence << PolicyService.givenBits | UInt64(min(given, 1 << PolicyService.givenBits - 1))
    }

    /// A page of what changed since a mark, from an envoy on. Throws `Problem` where this bolt does not reign.
    func coveredPage(after: UInt64, from: PrincipalID?, limit: Int) async throws -> PeerPolicyResponse {
        guard let reign, let picture = board.picture else { throw PolicyProblems.noReign(name) }
        let mark = mark(of: reign, picture.sequence)
        var page = PeerPolicyResponse(
            partition: name, bolt: surroundings.bolt, mark: mark, heads: [], envoys: [], nextFrom: nil)
        guard mark != after else { return page }
        let since = after > mark ? 0 : after >> PolicyService.givenBits
        let changed = picture.tree.all.filter { leaf in
            if let from, leaf.envoy < from { return false }
            guard let row = reign.rows[leaf.envoy], let delivered = reign.deliveries[leaf.envoy] else { return false }
            return delivered.sequence >= row.since && max(row.since, delivered.sequence) >= since
        }
        var bytes = 0
        for leaf in changed {
            guard page.envoys.count < limit, bytes < PolicyService.pageBytes else {
                page.nextFrom = leaf.envoy
                break
            }
            guard let path = picture.tree.path(of: leaf.envoy)?.canonicalBytes else { continue }
            var box: [UInt8] = []
            if leaf.box != .zero {
                let envoy = leaf.envoy
                box = try await partition.read { try $0.store.tables.policy.box(of: envoy) } ?? []
                guard witness.hash(box) == leaf.box else { continue }
            }
            bytes += path.count + box.count + 256
            page.envoys.append(
                CoveredPolicyView(
                    leaf: leaf, sequence: picture.sequence, path: Base64Bytes(path),
                    box: box.isEmpty ? nil : Base64Bytes(box)))
        }
        if !page.envoys.isEmpty { page.heads = [Base64Bytes(picture.signed.canonicalBytes)] }
        return page
    }
}
