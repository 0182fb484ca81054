internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

/// What is asked once more where a slice is to come: what a plan went by may have changed since.
extension PartitionService {
    /// Secrets that are named in one refusal.
    private static let namedSecretsMax = 3

    /// Bytes that this bolt's disk has left for results; nil where the system does not say.
    var room: UInt64? { isShort ? 0 : (try? store.reserve.roomBeside()).map { UInt64($0) } }

    /// Names of the secrets of a group that are kept here, ascending.
    func secretNames(of group: GroupName, limit: Int = .max) throws(StoreError) -> [String] {
        let prefix = SliceCensus.secretPrefix(of: group)
        var (names, last) = ([String](), prefix)
        while names.count < limit {
            let page = try store.tables.secrets.names(after: last, limit: StoreLimits.pageMax)
            let own = page.prefix { $0.hasPrefix(prefix) }
            names += own
            guard own.count == page.count, let end = page.last else { break }
            last = end
        }
        return Array(names.prefix(limit))
    }

    /// What a census names: the secrets of all groups.
    func secretNames(_ context: SliceContext) throws(StoreError) -> [String] {
        var names: [String] = []
        for genesis in context.board.geneses {
            names += try secretNames(of: genesis.name, limit: SliceCensus.secretsMax)
        }
        return names
    }

    /// What this partition lacks to serve a slice as its owner does, as far as that is known of the owner.
    func lacks(for order: HandoffOrder, _ context: SliceContext) throws(StoreError) -> [String] {
        let own = identity.partition
        guard let source = context.board.census(of: order.from) else { return [] }
        var lacks: [String] = []
        if source.version > SliceCensus.dataVersion {
            lacks.append("\(own) reads version \(SliceCensus.dataVersion), and \(source.version) is needed")
        }
        if let genesis = context.board.geneses.first(where: { $0.id == order.slice.group }) {
            let held = Set(try secretNames(of: genesis.name))
            let missing = source.secrets(of: genesis.name).filter { !held.contains($0) }
            if !missing.isEmpty {
                var named = missing.prefix(PartitionService.namedSecretsMax).joined(separator: ", ")
                let more = missing.count - PartitionService.namedSecretsMax
                if more > 0 { named += " and \(more) more" }
                lacks.append("\(own) lacks secrets of the group \(genesis.name): \(named)")
            }
        }
        let bytes = source.entry(of: order.slice)?.bytes ?? 0
        if let room, bytes > room, !isShort {
            let (room, bytes) = (ByteText.text(room), ByteText.text(bytes))
            lacks.append("the disk of \(own) has room for \(room), and the slice has about \(bytes)")
        }
        return lacks
    }
}
