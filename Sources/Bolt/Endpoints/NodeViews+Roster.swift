internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore

extension NodeViews {
    // MARK: Envoys

    func envoys(
        _ node: isolated NodeService, name: String?, after: PrincipalID?, limit: Int
    ) throws -> EnvoysResponse {
        let roster = node.machine.roster
        let all =
            name.map { text in PrincipalName(text).map { roster.principals(named: $0, role: .envoy) } ?? [] }
            ?? roster.principals(role: .envoy)
        let sorted = all.sorted { $0.id < $1.id }.filter { envoy in after.map { envoy.id > $0 } ?? true }
        let page = Array(sorted.prefix(limit))
        return EnvoysResponse(
            envoys: try page.map { try view(node, $0, detailed: false) },
            nextAfter: sorted.count > page.count ? page.last?.id : nil, freshness: freshness(node))
    }

    func envoy(_ node: isolated NodeService, subject: String) throws -> EnvoyResponse {
        EnvoyResponse(
            envoy: try view(node, try knownEnvoy(node, subject), detailed: true), freshness: freshness(node))
    }

    /// The one envoy that goes by this id, name or fingerprint; where none in force does, the one that did: what it
    /// told is here still.
    func knownEnvoy(_ node: isolated NodeService, _ subject: String) throws -> Principal {
        let ended = subjects(node, subject, role: .envoy).isEmpty ? ended(node, subject) : []
        guard ended.count < 2 else {
            throw Problem(
                .ambiguous, "\(ended.count) envoys went by \(subject.prefix(64)), none does now: name one by its id",
                next: "boltctl envoy explain \(subject.prefix(64))")
        }
        return try ended.first ?? envoyPrincipal(node, subject)
    }

    private func ended(_ node: isolated NodeService, _ text: String) -> [Principal] {
        let roster = node.machine.roster
        if let id = PrincipalID(hex: text) { return roster.endedEnvoy(id).map { [$0] } ?? [] }
        if let hash = Bytes32(hex: text) { return roster.endedEnvoys(with: KeyFingerprint(hash)) }
        return PrincipalName(text).map { roster.endedEnvoys(named: $0) } ?? []
    }

    /// How an envoy stands.
    func standing(_ node: isolated NodeService, of envoy: Principal) -> StandingWord {
        word(node.machine.roster.standing(of: envoy.tlsKey, as: .envoy))
    }

    /// The one envoy in force that goes by this id, name or fingerprint.
    func envoyPrincipal(_ node: isolated NodeService, _ subject: String) throws -> Principal {
        let found = subjects(node, subject, role: .envoy)
        guard let first = found.first else {
            throw Self.noEnvoy(subject, try? explain(node, subject: subject))
        }
        guard found.count == 1 else {
            throw Problem(.ambiguous, "\(found.count) envoys go by \(subject.prefix(64)): name one by its id")
        }
        return first
    }

    /// Nobody in force goes by that; where somebody was banned who did, that is said: since when, and by whom.
    static func noEnvoy(_ subject: String, _ explained: ExplainResponse?) -> Problem {
        let subject = String(subject.prefix(64))
        guard let explained, explained.standing == .banned || explained.standing == .removed,
            let end = explained.facts.last(where: { $0.kind == explained.standing.rawValue })
        else { return Problem(.notFound, "no envoy in force goes by \(subject)") }
        return Problem(
            .notFound,
            "\(subject) is \(explained.standing.rawValue) since \(TimeText.text(milliseconds: end.at.milliseconds)) "
                + "by \(end.author), so no envoy in force goes by that: \(end.text)",
            next: "its whole history: boltctl envoy explain \(subject)")
    }

    func subjects(_ node: isolated NodeService, _ text: String, role: PrincipalRole?) -> [Principal] {
        let roster = node.machine.roster
        if let id = PrincipalID(hex: text) { return roster.principal(id).map { [$0] } ?? [] }
        if let hash = Bytes32(hex: text) {
            return roster.standing(of: KeyFingerprint(hash), as: role).principal.map { [$0] } ?? []
        }
        return PrincipalName(text).map { roster.principals(named: $0, role: role) } ?? []
    }

    private func view(_ node: isolated NodeService, _ envoy: Principal, detailed: Bool) throws -> EnvoyView {
        let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
        let admission = envoy.admissions.first ?? Dot(node.machine.own.replica, 1)
        let event = try? event(node, admission)
        return EnvoyView(
            id: envoy.id, name: envoy.name, standing: standing(node, of: envoy),
            issuer: envoy.partition, owner: node.owner(of: envoy, partitions: partitions),
            group: envoy.group, labels: envoy.labels.dictionary, fingerprint: envoy.tlsKey, admission: admission,
            admittedAt: event?.at ?? WallTime(milliseconds: 0), lastSeenAt: nil, traits: nil, storedThrough: nil)
    }

    func explain(_ node: isolated NodeService, subject: String) throws -> ExplainResponse {
        let roster = node.machine.roster
        let (found, standing): ([RosterFact], StandingWord)
        if let id = PrincipalID(hex: subject) {
            (found, standing) = (roster.explain(id: id), word(roster.standing(of: id)))
        } else if let hash = Bytes32(hex: subject) {
            let key = KeyFingerprint(hash)
            (found, standing) = (roster.explain(key: key), word(roster.standing(of: key)))
        } else if let name = PrincipalName(subject) {
            let holders = roster.principals(named: name)
            found = roster.explain(name: name)
            let words = holders.map { word(roster.standing(of: $0.tlsKey, as: $0.role)) }
            standing = words.first { $0 == .contested } ?? words.first ?? ended(found)
        } else {
            throw Problem(.badRequest, "neither an id, a fingerprint nor a name")
        }
        guard !found.isEmpty else { throw Problem(.notFound, "nobody was ever admitted as \(subject.prefix(64))") }
        let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
        let ownership = subjects(node, subject, role: .envoy).compactMap { envoy -> String? in
            if let place = node.board?.place(of: envoy.id, group: envoy.group) {
                return "\(envoy.id) is in slice \(place.slice.index) of its group, served by partition "
                    + "\(place.register.owner) since register \(place.register.position)"
            }
            return Placement.owner(of: envoy.id, partitions: partitions).map {
                "\(envoy.id) is served by partition \($0): first by rendezvous hashing over "
                    + partitions.map(\.text).joined(separator: ", ")
            }
        }
        return ExplainResponse(
            subject: subject, standing: standing, facts: facts(node, found), ownership: ownership,
            freshness: freshness(node))
    }

    private func ended(_ facts: [RosterFact]) -> StandingWord {
        facts.contains { $0.kind == .banned } ? .banned : facts.isEmpty ? .unknown : .removed
    }

    func facts(_ node: isolated NodeService, _ facts: [RosterFact]) -> [RosterFactView] {
        let live = Set(facts.filter { $0.kind == .inForce }.map(\.admission))
        return facts.map { fact in
            // An act stands for itself: its time and author are the operator's, whoever carried it.
            let act = fact.act.flatMap { node.machine.roster.act($0) }
            let dot = act?.carriers.first ?? fact.dot ?? fact.admission
            let at = act?.at ?? (try? event(node, dot))?.at
            return RosterFactView(
                dot: dot, at: at ?? WallTime(milliseconds: 0),
                author: act.map { word($0.signer) } ?? author(node, dot.replica), kind: fact.kind.rawValue,
                text: fact.text, inForce: inForce(fact, live: live))
        }
    }

    /// Whether a fact has effect: an admission where it is live, whatever ends one unless it says that it is inert.
    private func inForce(_ fact: RosterFact, live: Set<Dot>) -> Bool {
        switch fact.kind {
        case .admitted: live.contains(fact.admission)
        case .removalInert, .amendmentInert: false
        case .amended, .removed, .resolved, .beyondCut, .banned, .retired, .contested, .inForce: true
        }
    }

    // MARK: Roster

    func principal(_ node: isolated NodeService, _ principal: Principal) -> BoltAPI.PrincipalView {
        BoltAPI.PrincipalView(
            role: principal.role, id: principal.id, name: principal.name,
            standing: word(node.machine.roster.standing(of: principal.tlsKey, as: principal.role)),
            fingerprint: principal.tlsKey, lineage: node.machine.roster.lineage(of: principal.tlsKey),
            admissions: principal.admissions, partition: principal.partition, group: principal.group,
            labels: principal.labels.dictionary, address: principal.address)
    }

    func roster(
        _ node: isolated NodeService, role: PrincipalRole?, after: PrincipalID?, limit: Int
    ) -> RosterResponse {
        let roles = role.map { [$0] } ?? PrincipalRole.allCases
        let all = roles.flatMap { node.machine.roster.principals(role: $0) }.sorted { $0.id < $1.id }
        let rest = all.filter { candidate in after.map { candidate.id > $0 } ?? true }
        let page = Array(rest.prefix(limit))
        return RosterResponse(
            principals: page.map { principal(node, $0) }, nextAfter: rest.count > page.count ? page.last?.id : nil,
            freshness: freshness(node))
    }

    func conflicts(_ node: isolated NodeService) -> ConflictsResponse {
        let conflicts = node.machine.roster.conflicts.map { conflict in
            ConflictView(
                role: conflict.role, name: conflict.name,
                holders: conflict.claimants.map { principal(node, $0.principal) }
                    .sorted { ($0.standing == .active ? 0 : 1, $0.id) < ($1.standing == .active ? 0 : 1, $1.id) })
        }
        return ConflictsResponse(conflicts: conflicts, freshness: freshness(node))
    }

    func context(_ node: isolated NodeService, subject: String?, role: PrincipalRole?) -> RosterContextResponse {
        RosterContextResponse(
            mesh: mesh(node),
            vector: node.machine.roster.vector.entries.map { .init(replica: $0.replica, counter: $0.counter) },
            subjects: subject.map { subjects(node, $0, role: role).map { principal(node, $0) } } ?? [],
            freshness: freshness(node))
    }

    func digest(_ node: isolated NodeService) -> RosterDigestResponse {
        let roster = node.machine.roster
        return RosterDigestResponse(
            bolt: configuration.fullName, digest: roster.digest,
            events: roster.vector.entries.reduce(0) { $0 &+ $1.counter },
            replicas: roster.vector.entries.map { entry in
                ReplicaHead(
                    replica: entry.replica, counter: entry.counter, head: roster.head(of: entry.replica).hash,
                    author: author(node, entry.replica))
            })
    }

    /// `name.partition`, `root`, or the start of a replica that nobody certified here.
    func author(_ node: isolated NodeService, _ replica: ReplicaID) -> String {
        node.machine.roster.author(of: replica).map { word($0.standing) } ?? String(replica.key.hex.prefix(12))
    }

    private func word(_ standing: Author.Standing) -> String {
        switch standing {
        case .root: "root"
        case .bolt(let partition, let name): "\(name).\(partition)"
        case .operator(let name): name.text
        }
    }

    // MARK: Log

    func log(_ node: isolated NodeService, after: Dot?, limit: Int) throws -> RosterLogResponse {
        var events: [RosterFactView] = []
        var more = false
        let entries = node.machine.roster.vector.entries.filter { entry in
            after.map { entry.replica >= $0.replica } ?? true
        }
        pages: for entry in entries {
            var counter = after.map { $0.replica == entry.replica ? $0.counter : 0 } ?? 0
            while counter < entry.counter {
                let runs = try history(node, entry.replica, after: counter)
                guard let last = runs.last?.last, last > counter else { break }
                for run in runs {
                    for (offset, body) in run.bodies.enumerated() {
                        let dot = Dot(run.replica, run.first + UInt64(offset))
                        guard dot.counter > counter, dot.counter <= entry.counter else { continue }
                        guard events.count < limit else {
                            more = true
                            break pages
                        }
                        if let event = try? EventCodec.decode(body, at: dot) {
                            events.append(EventWords.view(event, node, self))
                        }
                    }
                }
                counter = last
            }
        }
        return RosterLogResponse(
            events: events, nextAfter: more ? events.last?.dot : nil, freshness: freshness(node))
    }

    private func history(_ node: isolated NodeService, _ replica: ReplicaID, after: UInt64) throws -> [SignedRun] {
        do { return try node.store.roster.runs(of: replica, after: after, bytesMax: RosterLimits.runBytesMax) } catch {
            node.fail(error, "reading history")
            throw NodeService.problem(error)
        }
    }

    /// One event as it is on disk.
    func event(_ node: isolated NodeService, _ dot: Dot) throws -> RosterEvent? {
        guard let run = try node.store.roster.runs(of: dot.replica, after: dot.counter - 1, bytesMax: 1).first,
            run.first <= dot.counter, dot.counter <= run.last
        else { return nil }
        return try EventCodec.decode(run.bodies[Int(dot.counter - run.first)], at: dot)
    }
}
