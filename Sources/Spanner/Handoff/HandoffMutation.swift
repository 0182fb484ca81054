/// Deliberate faults of a handoff, to prove that the simulator's checkers would see one. Off in everything shipped:
/// only the `package init`s of the machines take one.
package enum HandoffMutation: String, CaseIterable, Sendable {
    /// What is journaled counts as safe, so that a failover in the middle forgets a seal or a hand-on that the other
    /// side acts on (Redis #6339; breaks P7).
    case forgottenByFailover = "forgotten-by-failover"
    /// The target says `held` when its disk alone has it, and the source deletes when it has handed on (Valkey #2724;
    /// breaks P8).
    case deleteBeforeTargetIsSafe = "delete-before-target-is-safe"
    /// A source that restarts sealed serves again without saying so, as one that asked a peer which knew nothing
    /// (vshard's recovery; breaks P7).
    case recoverByGuess = "recover-by-guess"
    /// A slice is taken back onto a copy that is still being removed (Vitess' reverse; breaks P5 and P8).
    case reverseOverGarbage = "reverse-over-garbage"
    /// After a window of pieces the target drops what comes and says that it has it (Cassandra's hints; breaks P7).
    case hintWindow = "hint-window"
    /// The source hands on as soon as it sealed (breaks P7).
    case switchBeforeHeld = "switch-before-held"
    /// The source acknowledges after its seal (breaks P5).
    case acknowledgeAfterSeal = "acknowledge-after-seal"
    /// A cancellation is taken after the hand-on, at one side only (Redis 8.4; breaks P7).
    case cancelAfterSwitch = "cancel-after-switch"
    /// A seal is taken back only where it is safe, so that it stands for as long as a standby is away (breaks P7).
    case waitForStandbys = "wait-for-standbys"
}
