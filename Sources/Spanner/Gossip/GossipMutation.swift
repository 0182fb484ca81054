/// Deliberate faults of gossip, to prove that the simulator's checkers would see one. Off in everything shipped: only
/// `package init` of `GossipMachine` takes one.
package enum GossipMutation: String, CaseIterable, Sendable {
    /// Callers are answered when a batch is handed to the disk (breaks R1).
    case answersBeforeDurable = "answers-before-durable"
    /// Peers are told that runs are durable when they were only received (breaks R1).
    case acknowledgesBeforeDurable = "acknowledges-before-durable"
    /// A batch enters memory, and contexts, before the disk has it (breaks R1).
    case seenBeforeCommit = "seen-before-commit"
    /// Own events leave before they are durable: a crash gives their dots out again (breaks R7).
    case pushesBeforeDurable = "pushes-before-durable"
    /// A peer's context is taken for what is held here, so that what is missing is never asked for (breaks R4).
    case contextIsTakenOver = "context-is-taken-over"
    /// One run that does not verify loses the whole message it came in (breaks R10).
    case poisonSpoilsTheBatch = "poison-spoils-the-batch"
    /// A peer is served as often as it asks (breaks R9).
    case servesWithoutBound = "serves-without-bound"
    /// Proofs that a replica told two stories are dropped (breaks R6).
    case dropsForkProofs = "drops-fork-proofs"
    /// The link of an expelled bolt stays open (breaks R2).
    case keepsExpelledLinks = "keeps-expelled-links"
}
