/// An envoy in force, with whether its name or key is claimed by another one.
public struct AdmittedEnvoy: Hashable, Sendable {
    /// Who.
    public let principal: Principal
    /// Whether nothing new is to be given to it.
    public let isContested: Bool
}

extension Roster {
    /// Envoys in force, each once, of a stretch of all admissions that are held: whoever goes through a large fleet
    /// does so in turns. `next` is where the next stretch begins; nil at the end. O(`limit`), which is at least 1.
    ///
    /// The order is that in which this replica heard of them: whoever shows it sorts it first. Begins anew where the
    /// roster was read anew meanwhile.
    public func admittedEnvoys(from place: Int, limit: Int) -> (envoys: [AdmittedEnvoy], next: Int?) {
        let count = facts.admissions.count
        let start = min(max(0, place), count)
        let end = min(count, start + max(1, min(limit, count)))
        var envoys: [AdmittedEnvoy] = []
        for place in start..<end where facts.admissions.role(place) == .envoy && isLive(admission: place) {
            guard let claim = claim(.envoy, key: facts.admissions.key(place)), claim.speaker == place else { continue }
            envoys.append(
                AdmittedEnvoy(
                    principal: principal(of: claim), isContested: isContested(claim, rivals: rivals(of: claim))))
        }
        return (envoys, end < count ? end : nil)
    }
}
