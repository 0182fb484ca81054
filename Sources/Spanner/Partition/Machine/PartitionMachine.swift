/// The heart of a partition: who reigns, what is in the journal, and when an answer may be given.
public struct PartitionMachine: Sendable {
    let own: PartitionSelf
    let settings: PartitionSettings
    let chain: JournalChain
    let mutation: PartitionMutation?

    var effects: [Effect] = []

    /// A machine for this disk; what is durable comes with `started`. `settings` must have no `violations`.
    public init(own: PartitionSelf, witness: any Witness, settings: PartitionSettings = PartitionSettings()) {
        self.init(own: own, witness: witness, settings: settings, mutation: nil)
    }

    /// A machine with a deliberate fault, for proving the checkers.
    package init(
        own: PartitionSelf, witness: any Witness, settings: PartitionSettings, mutation: PartitionMutation?
    ) {
        precondition(settings.violations.isEmpty, "partition settings: \(settings.violations)")
        (self.own, self.settings, self.mutation) = (own, settings, mutation)
        chain = JournalChain(witness: witness)
    }

    /// The only way in. The same state and the same event always give the same effects, in the same order.
    public mutating func step(_ event: Event) -> [Effect] {
        defer { effects = [] }
        return effects
    }
}
