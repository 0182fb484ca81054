/// R2: a bolt that acknowledged a ban serves that envoy no more, and after convergence no bolt does.
enum BanRule {
    static func check(_ history: MeshHistory) -> [Violation] {
        var found: [Violation] = []
        for ban in history.bans {
            for writer in history.writers where writer.envoy == ban.envoy {
                for (number, call) in writer.calls.enumerated()
                where call.bolt == ban.bolt && call.begin > ban.end && call.answer != nil {
                    found.append(
                        Violation(
                            .banIgnored, writer.name,
                            "call \(number) was answered by \(ban.bolt), which had acknowledged the ban before"))
                }
            }
        }
        for probe in history.probes where probe.isAccepted {
            found.append(Violation(.banIgnored, probe.envoy, "served by \(probe.bolt) after convergence"))
        }
        return found
    }
}
