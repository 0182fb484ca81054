internal import Logging
internal import Spanner

extension BoltLife {
    /// Tells the mesh where this bolt now is and in which zone, where its configuration says otherwise than the roster:
    /// its own admission is amended. What the configuration does not say stays as it was admitted.
    func announcePlace() async {
        guard await node.authoringOpened() else { return }
        let payload: RosterEvent.Payload?
        do { payload = try await node.placeAmendment(address: configuration.advertise, zone: configuration.zone) } catch
        {
            return logger.warning("own address and zone not announced", metadata: [LogKeys.why: "\(error)"])
        }
        guard let payload else { return }
        switch await node.command([payload], level: .local) {
        case .done(let dots, _):
            logger.notice(
                "own address and zone announced",
                metadata: [
                    LogKeys.dot: "\(dots.first.map { "\($0)" } ?? "-")",
                    LogKeys.address: "\(configuration.advertise ?? "-")", LogKeys.zone: "\(configuration.zone ?? "-")",
                ])
        case .refused(let refusal):
            logger.warning("own address and zone not announced", metadata: [LogKeys.why: "\(refusal)"])
        case .imported: return
        }
    }
}

extension NodeService {
    /// The label that names a bolt's zone.
    static let zoneLabel = "zone"

    /// The amendment that brings the roster's word on this bolt up to its configuration; nil where they agree, or where
    /// this bolt is not in force.
    func placeAmendment(address: String?, zone: String?) throws(RosterDraftError) -> RosterEvent.Payload? {
        guard case .active(let own) = machine.roster.standing(of: machine.own.tlsKey, as: .bolt) else { return nil }
        let newAddress = address == own.address ? nil : address
        var newLabels: [Label]?
        if let zone, own.labels.first(where: { $0.key == NodeService.zoneLabel })?.value != zone {
            newLabels =
                own.labels.filter { $0.key != NodeService.zoneLabel }
                + [Label(key: NodeService.zoneLabel, value: zone)]
        }
        guard newAddress != nil || newLabels != nil else { return nil }
        return try machine.roster.draftAmendment(
            of: own.id, by: machine.own.replica, labels: newLabels, address: newAddress)
    }

    /// Waits until own events may be written; false where the node closed before.
    func authoringOpened() async -> Bool {
        if machine.isAuthoringOpen { return true }
        guard !closed else { return false }
        return await withCheckedContinuation { authoringWaiters.append($0) }
    }

    /// Answers those who wait to write.
    func answerAuthoringWaiters(_ opened: Bool) {
        let waiters = authoringWaiters
        authoringWaiters = []
        for waiter in waiters { waiter.resume(returning: opened) }
    }
}
