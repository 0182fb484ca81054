/// D4, P4: disks that were altered, and disks that were emptied.
enum DiskRule {
    static func check(_ history: MeshHistory) -> [Violation] {
        let rot = history.strikes.filter { $0.found == nil }.map { strike in
            Violation(.rotUnnoticed, strike.bolt, "it went on, though: \(strike.finding)")
        }
        return rot
            + history.returns.flatMap { back -> [Violation] in
                var found: [Violation] = []
                if back.isCounted {
                    found.append(Violation(.forgetfulCounted, back.bolt, "counted in sync with an emptied disk"))
                }
                if back.isPromoted {
                    found.append(Violation(.forgetfulCounted, back.bolt, "promoted with an emptied disk"))
                }
                return found
            }
    }
}
