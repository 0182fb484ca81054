/// Deliberate faults of the merge, to prove that the simulator's checkers would see one. Off in everything shipped:
/// only the `package init` of `Roster` takes one.
package enum RosterMutation: String, CaseIterable, Sendable {
    /// A ban carried by a bolt that was cut before it is lost with the rest of that bolt's history (breaks R2).
    case bansDieWithTheirCarrier = "bans-die-with-their-carrier"
    /// A contested name goes to whichever admission arrived first (breaks R3: equal digests, different rosters).
    case firstArrivalWins = "first-arrival-wins"
    /// A removal also ends admissions of the same name that its author never saw (breaks add-wins, R1).
    case removalsForgetWhatWasSeen = "removals-forget-what-was-seen"
    /// A run is applied although what comes before it is missing (breaks R1 and R5).
    case gapsAreApplied = "gaps-are-applied"
}
