/// Why a run can't go on: of the surroundings, not of the mesh under test.
struct ChaosFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
