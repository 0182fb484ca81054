internal import Spanner
internal import SpannerStore

extension PartitionService {
    /// The name under which the keyring stands in its table.
    static let keyringName = "keyring"

    /// The journal may hold another keyring than before: the vault follows it before the machine learns of anything
    /// else, so that a bolt takes no step unsealed that it would have to take sealed.
    func followKeyring() {
        guard !closed, broken == nil else { return }
        do throws(StoreError) {
            let held = try store.tables.keyrings.value(PartitionService.keyringName)
            guard held?.bytes != keyring || !hasFollowed else { return }
            (keyring, hasFollowed) = (held?.bytes, true)
            sealing.follow(held?.bytes)
            applySeal()
        } catch { fail(error, "reading the keyring") }
    }

    /// Tells the machine whether this bolt is sealed now.
    func applySeal() {
        step(.sealed(sealing.isSealed))
        tellStanding(always: true)
    }
}
