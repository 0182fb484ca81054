internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// How far the replay of what was cut off here is.
struct SalvageReplay {
    /// Whether there may be something to replay.
    var isDue = false
    /// Replays go from the latest number to the first: a cut keeps the last record first.
    var before = UInt64.max
    /// On their way to the primary, since when.
    var sent: [UInt64: ContinuousClock.Instant] = [:]
    /// Whether anything was taken in this pass: what was refused may be taken in the next.
    var progressed = false
    /// What the tables refused in this pass.
    var refused: Set<UInt64> = []
}

extension PartitionService {
    // MARK: Giving

    /// Sends results that were cut off here to whoever reigns now, or writes them where that is this bolt. What else
    /// was cut off waits for an operator, but for check-ins, which are worth nothing later.
    func replaySalvage() {
        guard replays.isDue, arrival == nil, let to = replayTarget else { return }
        let now = ContinuousClock.now
        replays.sent = replays.sent.filter { now - $0.value < PartitionServiceLimits.replayWait }
        guard replays.sent.count < PartitionServiceLimits.replaysMax else { return }
        do throws(StoreError) {
            let page = try store.salvage(
                .kept, before: replays.before, limit: PartitionServiceLimits.replaysMax - replays.sent.count)
            guard let last = page.last else { return endPass() }
            for command in page { try replay(command, to: to) }
            replays.before = last.number
        } catch { fail(error, "replaying what was salvaged") }
    }

    private enum ReplayTarget {
        case ownself
        case link(PeerLink)
    }

    private var replayTarget: ReplayTarget? {
        switch machine.role {
        case .primary: return .ownself
        case .standby(let primary?, _):
            guard !machine.isNew, let link = links.values.filter({ $0.disk == primary }).map(\.link).last else {
                return nil
            }
            return .link(link)
        case .waiting, .standby, .candidate, .handingOver, .fenced: return nil
        }
    }

    private func endPass() {
        guard replays.sent.isEmpty else { return }
        let again = replays.progressed && !replays.refused.isEmpty
        if !again, !replays.refused.isEmpty {
            logger.warning(
                "salvaged results were refused by the partition: an operator has to look at them",
                metadata: [LogKeys.count: "\(replays.refused.count)"])
        }
        replays = SalvageReplay()
        replays.isDue = again
    }

    private func replay(_ command: SalvagedCommand, to target: ReplayTarget) throws(StoreError) {
        guard command.index != nil, let decoded = PartitionCommand(salvaged: command.body) else { return }
        switch decoded {
        // Placements come with the next check-in; steps of handoffs and tasks acted on nothing that was not safe.
        case .seen, .skip, .placed, .handoffSource, .handoffTarget, .sliceCollected, .task, .remainsGone:
            return try store.settleSalvage(command.number, as: .dismissed)
        // What a source or a compiler made is made again; what somebody decided waits for an operator.
        case .policy(let change):
            if change.isDecision { return }
            return try store.settleSalvage(command.number, as: .dismissed)
        case .tokenSpent, .setting, .secret, .keyring, .audit: return
        case .results, .base: break
        }
        // The slice went elsewhere meanwhile: the envoy still holds what was never safe, and sends it there.
        if case .ownself = target, try !isOurs(decoded) { return }
        replays.sent[command.number] = .now
        switch target {
        case .ownself:
            let number = command.number
            begin([decoded], level: .paired) { [self] answer in replayed(number, ReplayVerdict(answer)) }
        case .link(let link): link.send(.replay(command.number, command: command.body))
        }
    }

    /// What became of one of them.
    func replayed(_ number: UInt64, _ verdict: ReplayVerdict) {
        guard replays.sent.removeValue(forKey: number) != nil, broken == nil, !closed else { return }
        switch verdict {
        case .done:
            replays.progressed = true
            do { try store.settleSalvage(number, as: .replayed) } catch { fail(error, "settling what was salvaged") }
        case .refused: replays.refused.insert(number)
        // It comes again with the next pass.
        case .later: (replays.progressed, _) = (true, replays.refused.insert(number))
        }
    }

    /// Whether results may be written here: their slice is served here, or there are no slices.
    private func isOurs(_ command: PartitionCommand) throws(StoreError) -> Bool {
        let envoy: PrincipalID
        switch command {
        case .results(let batch): envoy = batch.source.envoy
        case .base(let source, _, _, _): envoy = source.envoy
        case _: return true
        }
        guard let slice = try store.tables.slices.slice(of: envoy) else {
            if slices?.board.hasSlices == true { placeAnew() }
            return true
        }
        // What is left of an envoy that was given another group may be on its way already.
        return takes(slices?.board.reassigned(envoy)?.slice ?? slice)
    }

    // MARK: Taking

    /// A standby had to drop this command: it is written again, where it is one that may be.
    func replay(_ bytes: [UInt8], as number: UInt64, for link: PeerLink) {
        guard machine.role.reigns, let command = PartitionCommand(salvaged: bytes) else {
            link.send(.replayed(number, .later))
            return
        }
        switch command {
        case .results, .base: break
        case .seen, .tokenSpent, .setting, .secret, .keyring, .audit, .skip, .placed, .handoffSource, .handoffTarget,
            .sliceCollected, .task, .remainsGone, .policy:
            link.send(.replayed(number, .refused))
            return
        }
        do throws(StoreError) {
            guard try isOurs(command) else {
                link.send(.replayed(number, .later))
                return
            }
        } catch { return fail(error, "looking for an envoy's slice") }
        begin([command], level: .paired) { answer in link.send(.replayed(number, ReplayVerdict(answer))) }
    }
}

extension PartitionCommand {
    /// The command that these bytes are all of; nil for anything else.
    fileprivate init?(salvaged bytes: [UInt8]) {
        var decoder = CanonicalDecoder(bytes)
        guard let command = try? PartitionCommand(from: &decoder), decoder.remaining == 0 else { return nil }
        self = command
    }
}

extension ReplayVerdict {
    /// What a write's answer means for whoever had to drop the command.
    fileprivate init(_ answer: PartitionWriteAnswer) {
        switch answer {
        case .done(let point, _, let safe, let outcomes):
            if case .refused = outcomes.first {
                self = .refused
            } else {
                self = point.position <= safe ? .done : .later
            }
        case .refused, .undecided: self = .later
        }
    }
}
