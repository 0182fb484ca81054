/// What is known from events, in a form that answers questions fast.
struct RosterFacts: Sendable {
}
extension Roster {
    mutating func absorb(_ checked: CheckedRun, place: Int) {}
}
