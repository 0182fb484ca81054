/// P1, P5, P6, P7: acknowledged = stored, once, in order, for whole agents whose process was killed again and again.
///
/// The run ends with a pass of each agent that nobody disturbs. So its owner has to tell of all that it ever made,
/// whoever died when; and whatever it was told on the way is judged as a writer's answers are.
enum AgentRule {
    static func check(_ history: MeshHistory) -> [Violation] {
        guard !history.agents.isEmpty else { return [] }
        let reigns = Reigns(history.partitions)
        let places = places(history.partitions)
        return history.agents.flatMap { agent in
            answers(agent, reigns) + disk(agent, places[agent.envoy] ?? [])
        }
    }

    /// What one disk holds of one agent.
    private struct Place {
        let partition: PartitionEnd
        let member: MemberEnd
        let queue: QueueEnd

        /// Whether this disk has to hold all that is safe.
        var isWhole: Bool {
            guard let primary = partition.members.first(where: { $0.bolt == partition.primary }) else { return false }
            return member.finding == nil && member.tip.position >= primary.safe
        }
    }

    private static func places(_ partitions: [PartitionEnd]) -> [String: [Place]] {
        var places: [String: [Place]] = [:]
        for partition in partitions {
            for member in partition.members {
                for queue in member.queues {
                    places[queue.envoy, default: []].append(
                        Place(partition: partition, member: member, queue: queue))
                }
            }
        }
        return places
    }

    // MARK: What it was told

    private static func answers(_ agent: AgentHistory, _ reigns: Reigns) -> [Violation] {
        // How much was on its way is not written down: no answer may name more than was ever made.
        let calls = agent.told.map { told in
            ClientCall(
                bolt: told.answer.partition, begin: 0, end: 0, sent: agent.made > 0 ? 1...agent.made : nil,
                outcome: .answered(told.answer))
        }
        let writer = WriterHistory(
            name: agent.name, envoy: agent.envoy, queue: agent.queue, calls: calls)
        var found = AnswerRule.check(writer, reigns: reigns)
        // What a sibling keeps for the owner is on its way there still.
        let stored = agent.told.last { $0.answer.mark.epoch > 0 }?.answer.storedThrough ?? 0
        if agent.told.isEmpty || stored < agent.made {
            found.append(
                Violation(
                    .undelivered, agent.name, "its owner told of \(stored) last, it made \(agent.made)"))
        }
        return found
    }

    // MARK: What is stored

    private static func disk(_ agent: AgentHistory, _ places: [Place]) -> [Violation] {
        var found: [Violation] = []
        let owners = Set(places.map(\.partition.name)).sorted()
        if owners.count > 1 {
            found.append(Violation(.twoOwners, agent.name, "it is at " + owners.joined(separator: " and ")))
        }
        for queue in Set(places.map(\.queue.queue)).subtracting([agent.queue]).sorted() {
            found.append(
                Violation(
                    .startedOver, agent.name,
                    "a queue \(queue) is stored, though its disk was never lost: it has "
                        + agent.queue))
        }
        let own = places.filter { $0.queue.queue == agent.queue }
        if own.isEmpty, agent.releasedThrough > 0 {
            found.append(Violation(.lost, agent.name, "all \(agent.releasedThrough) that it deleted are nowhere"))
        }
        for place in own {
            found += rows(agent, place)
            if place.isWhole { found += missing(agent, place) }
        }
        return found
    }

    /// Everything that it deleted has to be there, and everything that it was told to be safe. It dropped nothing and
    /// nobody accepted a loss, so a base where a result should be hides one.
    private static func missing(_ agent: AgentHistory, _ place: Place) -> [Violation] {
        let held = Set(place.queue.rows.map(\.sequence))
        let promised = max(agent.releasedThrough, agent.told.map(\.answer.safeThrough).max() ?? 0)
        let gone = (1...max(1, promised)).filter { $0 <= promised && !held.contains($0) }
        guard let first = gone.first, let last = gone.last else { return [] }
        let isCovered = place.queue.bases.contains { $0.contains(first) }
        return [
            Violation(
                .lost, agent.name,
                "\(gone.count) results from \(first) to \(last), promised through \(promised), are not at "
                    + place.member.bolt + (isCovered ? ", a base hides it" : ""))
        ]
    }

    private static func rows(_ agent: AgentHistory, _ place: Place) -> [Violation] {
        var found: [Violation] = []
        var before: QueueEnd.Row?
        var places: [UInt64: UInt64] = [:]
        for row in place.queue.rows {
            if let before, row.sequence <= before.sequence {
                found.append(violation(.duplicated, agent, place, "\(row.sequence) comes after \(before.sequence)"))
            } else if row.sequence != (before?.sequence ?? 0) + 1, place.queue.bases.isEmpty {
                found.append(violation(.gap, agent, place, "after \(before?.sequence ?? 0) comes \(row.sequence)"))
            }
            if row.sequence < 1 || row.sequence > agent.made {
                found.append(
                    violation(.invented, agent, place, "\(row.sequence) is stored, it made only \(agent.made)"))
            }
            // No two of its results are alike: each tells when it was made.
            if let other = places.updateValue(row.sequence, forKey: row.body), other != row.sequence {
                found.append(violation(.duplicated, agent, place, "\(other) and \(row.sequence) are the same result"))
            }
            if let now = row.at, let then = before?.at, now < then {
                found.append(
                    violation(.disordered, agent, place, "\(row.sequence) was made before \(before?.sequence ?? 0)"))
            }
            before = row
        }
        if let last = before?.sequence, last != place.queue.storedThrough, place.queue.bases.isEmpty {
            found.append(
                violation(.gap, agent, place, "\(last) is the last, \(place.queue.storedThrough) count as stored"))
        }
        return found
    }

    private static func violation(
        _ kind: Violation.Kind, _ agent: AgentHistory, _ place: Place, _ what: String
    ) -> Violation {
        Violation(kind, agent.name, "\(what), at \(place.member.bolt)")
    }
}
