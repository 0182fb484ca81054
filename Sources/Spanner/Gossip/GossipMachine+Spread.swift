internal import CRDT

/// A command that is durable here and waits for others.
struct SpreadWaiter: Sendable {
    let command: CommandID
    let dots: [Dot]
    let last: Dot
    let wanted: Int
    let timer: TimerID
}

extension GossipMachine {
    /// Answers commands whose run is durable here, or lets them wait for peers.
    mutating func answer(_ commands: [PendingCommand], in ownRun: CheckedRun, level: AckLevel?) {
        // An opening may stand before the first command's events.
        var counter = ownRun.run.last - commands.reduce(0) { $0 + UInt64($1.payloads.count) }
        for command in commands {
            var dots: [Dot] = []
            for _ in command.payloads {
                counter += 1
                dots.append(Dot(ownRun.run.replica, counter))
            }
            if command.id == GossipMachine.nobody { continue }
            let last = dots.last ?? Dot(ownRun.run.replica, ownRun.run.last)
            switch level ?? command.level {
            case .local:
                counters.commandsDone &+= 1
                effects.append(.complete(command.id, .done(dots: dots, level: .local)))
            case .spread(let bolts) where bolts < 2:
                counters.commandsDone &+= 1
                effects.append(.complete(command.id, .done(dots: dots, level: .local)))
            case .spread(let bolts):
                let timer = schedule(.spread(command.id), after: settings.spreadTimeout)
                waiters.append(
                    SpreadWaiter(command: command.id, dots: dots, last: last, wanted: bolts, timer: timer))
            }
        }
        reviewWaiters()
    }

    /// Answers the commands that are spread far enough, or as far as they can be: nobody waits for a bolt that cannot
    /// be reached.
    mutating func reviewWaiters() {
        guard !waiters.isEmpty else { return }
        var rest: [SpreadWaiter] = []
        for waiter in waiters {
            let (held, reachable) = holding(waiter.last)
            if held + 1 >= waiter.wanted || reachable == 0 {
                timers[waiter.timer] = nil
                complete(waiter, held: held)
            } else {
                rest.append(waiter)
            }
        }
        waiters = rest
    }

    mutating func spreadTimedOut(_ command: CommandID) {
        guard let place = waiters.firstIndex(where: { $0.command == command }) else { return }
        let waiter = waiters.remove(at: place)
        complete(waiter, held: holding(waiter.last).held)
    }

    private mutating func complete(_ waiter: SpreadWaiter, held: Int) {
        if held + 1 >= waiter.wanted { counters.commandsDone &+= 1 } else { counters.commandsBelowLevel &+= 1 }
        let level = held > 0 ? AckLevel.spread(held + 1) : .local
        effects.append(.complete(waiter.command, .done(dots: waiter.dots, level: level)))
    }

    /// How many other admitted bolts said to hold a dot and all before it, and how many more may still say so.
    private func holding(_ dot: Dot) -> (held: Int, reachable: Int) {
        var (held, reachable) = (0, 0)
        for peer in peers.values where peer.member {
            if peer.durable.contains(dot) {
                held += 1
            } else if let link = peer.link, links[link]?.isReady == true {
                if let refused = peer.refused[dot.replica], refused.until > round { continue }
                reachable += 1
            }
        }
        return (held, reachable)
    }
}
