/// The heart of a partition: who reigns, what is in the journal, and when an answer may be given.
public struct PartitionMachine: Sendable {}
