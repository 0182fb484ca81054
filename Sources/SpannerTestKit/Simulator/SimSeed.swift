/// All that one seed proves: its run, and for some seeds the same run with other clocks, or beside a sick bolt.
public enum SimSeed {
    /// One seed in so many is run a second time with clocks that are right (D8).
    public static let clocksEvery: UInt64 = 16
    /// One seed in so many is run beside a sick bolt (R9).
    public static let sickEvery: UInt64 = 16

    /// Runs a seed with everything that belongs to it. The report is that of the first run, with what the others broke.
    public static func run(_ options: SimOptions) -> SimReport {
        var report = Simulation(options).run()
        guard report.violations.isEmpty else { return report }
        if options.seed % clocksEvery == 1, options.wildClocks {
            var tame = options
            tame.wildClocks = false
            let other = Simulation(tame).run()
            if other.outcomeHash != report.outcomeHash {
                report.violations.append(
                    SimViolation(
                        guarantee: "D8", detail: "with clocks that are right the mesh ends otherwise",
                        milliseconds: report.virtualMilliseconds))
            }
            report.work["runs with right clocks", default: 0] += 1
        }
        if options.seed % sickEvery == 2 {
            let sick = SickBoltRun(seed: options.seed, mutant: options.mutant).compare()
            report.work["runs beside a sick bolt", default: 0] += 1
            report.violations += sick
        }
        return report
    }
}
