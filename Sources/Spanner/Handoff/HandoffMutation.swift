/// Deliberate faults of a handoff, to prove that the simulator's checkers would see one. Off in everything shipped:
/// only `package` members of the machines take one.
package enum HandoffMutation: String, CaseIterable, Sendable {
    /// What is journaled counts as safe, so that a failover in the middle forgets a seal or a hand-on that the other
    /// side acts on (Redis #6339).
    case forgottenByFailover = "forgotten-by-failover"
    /// The target says `held` when its disk alone has it, and the source deletes when it has handed on (Valkey #2724).
    case deleteBeforeTargetIsSafe = "delete-before-target-is-safe"
    /// A source that restarts sealed serves again without saying so, as one that asked a peer which knew nothing
    /// (vshard's recovery).
    case recoverByGuess = "recover-by-guess"
    /// A slice is taken back onto a copy that is still being removed (Vitess' reverse).
    case reverseOverGarbage = "reverse-over-garbage"
    /// After a window of pieces the target drops what comes and says that it has it (Cassandra's hints).
    case hintWindow = "hint-window"
    /// The source hands on as soon as it sealed.
    case switchBeforeHeld = "switch-before-held"
    /// The source acknowledges after its seal.
    case acknowledgeAfterSeal = "acknowledge-after-seal"
    /// A cancellation is taken after the hand-on, at one side only (Redis 8.4).
    case cancelAfterSwitch = "cancel-after-switch"
    /// A cancelled handoff ends at its source, and its target is never told.
    case endsUntold = "ends-untold"
    /// A source that comes back hands on before it heard what others know of the slice.
    case handsOnUnheard = "hands-on-unheard"
    /// An operator's takeover beats a hand-on of the same register.
    case takeoverBeatsHandOn = "takeover-beats-hand-on"
    /// What a target holds goes when an operator takes the slice over, though it may be the last copy.
    case stagedDroppedOnTakeover = "staged-dropped-on-takeover"
    /// A task does not say again what its sources may take: the next primary of one knows of no limit.
    case throttleForgotten = "throttle-forgotten"
    /// A seal is taken back only where it is safe, so that it stands for as long as a standby is away.
    case waitForStandbys = "wait-for-standbys"

    /// The promises that the fault breaks: it counts as seen only by a checker of one of these. `limits` is what an
    /// operator set for a task.
    package var guarantees: [String] {
        switch self {
        case .hintWindow, .switchBeforeHeld, .cancelAfterSwitch, .handsOnUnheard, .takeoverBeatsHandOn,
            .waitForStandbys:
            ["P7"]
        case .deleteBeforeTargetIsSafe, .endsUntold: ["P8"]
        case .acknowledgeAfterSeal, .stagedDroppedOnTakeover: ["P5"]
        // What the one side forgets, or guesses, is acknowledged by both, or lost by both.
        case .forgottenByFailover, .recoverByGuess: ["P5", "P7"]
        case .reverseOverGarbage: ["P5", "P8"]
        case .throttleForgotten: ["limits"]
        }
    }
}
