import CRDT
import Spanner

/// Somebody who writes to a partition, over and over.
struct PartitionSimClient {
    let partition: Int
    /// The bolt that is asked next.
    var target: Int
}

/// One command that a client sent, and what it was told.
struct PartitionSimAttempt {
    let client: Int
    let bolt: Int
    let level: PartitionAckLevel
    /// When it was sent, in virtual microseconds.
    let at: UInt64
    var answer: PartitionOutcome?
}

extension PartitionSimulation {
    /// A client sends a few commands, and comes again.
    func work(_ client: Int) {
        guard let pace = pace(of: clients[client].partition) else { return }
        queue.push(.client(client), at: now + 5_000 + generator.below(pace))
        var target = clients[client].target
        if !bolts[target].isUp || generator.below(40) == 0 { target = anyMember(clients[client].partition) }
        clients[client].target = target
        guard bolts[target].isUp else { return }
        let burst = generator.below(12) == 0 ? 40 : 1 + generator.below(3)
        for _ in 0..<burst {
            let attempt = nextAttempt
            nextAttempt += 1
            let level: PartitionAckLevel = generator.below(3) == 0 ? .local : .paired
            attempts[attempt] = PartitionSimAttempt(client: client, bolt: target, level: level, at: now)
            let padding = Int(generator.below(300))
            let life = bolts[target].life
            queue.push(
                .command(bolt: target, life: life, attempt: attempt, padding: padding, level),
                at: now + 100 + generator.below(1_000))
        }
    }

    /// Longest pause between commands of a client, in microseconds; nil where clients have gone home.
    private func pace(of partition: Int) -> UInt64? {
        guard let healedAt else { return 400_000 }
        let isServed = partitions[partition].hasPairedSinceHealing
        return now < healedAt + PartitionSimulation.clientsStayFor || !isServed ? 800_000 : nil
    }

    /// How long clients go on after everything healed; longer only until something is `paired` again.
    static let clientsStayFor = 10 * PartitionSimulation.second

    func anyMember(_ partition: Int) -> Int {
        let places = partitions[partition].bolts
        return places[Int(generator.below(UInt64(places.count)))]
    }

    /// A bolt takes a command from a client.
    func take(_ attempt: UInt64, _ padding: Int, _ level: PartitionAckLevel, at bolt: Int) {
        bolts[bolt].owedCommands.insert(attempt)
        count(work: level == .paired ? "commands at paired" : "commands at local")
        step(bolt, .command(CommandID(attempt), PartitionSimTables.changes(attempt, padding: padding), level: level))
    }

    /// A bolt answers a command: once, and truly.
    func answer(_ number: UInt64, _ outcome: PartitionOutcome, by bolt: Int) {
        trace.mix(number)
        trace.note(now, "bolt \(bolt) answers \(number): \(outcome)")
        guard bolts[bolt].owedCommands.remove(number) != nil, let attempt = attempts[number] else {
            return violate("P1", "bolt \(bolt) answers attempt \(number), which it does not owe")
        }
        attempts[number]?.answer = outcome
        let partition = bolts[bolt].partition
        switch outcome {
        case .done(let point, let level, let safe):
            count(work: level == .paired ? "answered paired" : "answered local")
            trace.mix(point)
            checkDone(number, attempt, point, level, by: bolt)
            checkSafeClaim(bolt, safe)
            clients[attempt.client].target = bolt
            if attempt.level == .paired, healedAt != nil { partitions[partition].hasPairedSinceHealing = true }
        case .refused(let refusal):
            count(work: "refused: \(refusal.short)")
            violate(partitions[partition].oracle.refuse(number))
            switch refusal {
            case .notPrimary(let primary?):
                clients[attempt.client].target = self.bolt(of: primary) ?? anyMember(partition)
            case .notPrimary: clients[attempt.client].target = anyMember(partition)
            case .handingOver, .notPaired, .overloaded, .tooLarge, .storage: break
            }
        case .undecided(let point):
            count(work: "undecided")
            // It need not be durable anywhere as yet; where it is, it is there.
            guard partitions[partition].oracle.attempts[number].map({ $0 == point.hash }) ?? true else {
                return violate("D1", "attempt \(number) is undecided at \(point.short), and stands elsewhere")
            }
            clients[attempt.client].target = anyMember(partition)
        }
    }
}

extension PartitionRefusal {
    /// For counts.
    var short: String {
        switch self {
        case .notPrimary: "not primary"
        case .handingOver: "handing over"
        case .notPaired: "not paired"
        case .overloaded: "overloaded"
        case .tooLarge: "too large"
        case .storage: "storage"
        }
    }
}

extension SimTrace {
    mutating func mix(_ point: LogPoint) {
        mix(point.epoch.number)
        mix(point.position)
        mix(point.hash.words.0)
    }
}
