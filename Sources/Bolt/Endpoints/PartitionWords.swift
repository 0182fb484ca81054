internal import BoltAPI
internal import CRDT
internal import Spanner

/// What becomes of operations, in the API's words: what failed, why, whether anything changed, what to do.
struct PartitionWords {
    let picture: PartitionPicture
    /// The bolt that answers.
    let bolt: String

    private var name: PartitionName { picture.name }

    /// A disk, for people.
    func text(_ disk: ReplicaID) -> String { picture.view(disk).text }

    func text(_ disks: [ReplicaID]) -> String {
        let names = disks.map { text($0) }
        return names.isEmpty ? "others" : names.joined(separator: ", ")
    }

    /// A refusal of an operation. Nothing was changed.
    func problem(_ refusal: PartitionOperationRefusal) -> Problem {
        switch refusal {
        case .primaryLives(let disk):
            return Problem(
                .primaryLives, "\(bolt) was not promoted: \(text(disk)) is primary of \(name), and was heard",
                next: "for a planned change: boltctl partition switchover \(name); for a loss of that bolt, end its "
                    + "process first")
        case .notMember:
            return Problem(
                .notMember, "the disk of \(bolt) is no member of \(name), was taken out, or serves nothing",
                next: "see why: boltctl partition show \(name); promote a member instead")
        case .sealed: return sealedCandidate
        case .forgetful(let missing):
            return Problem(
                .diskIsNew,
                "the disk of \(bolt) is new, and \(text(missing)) did not tell it yet what was promised",
                next: "start \(text(missing)), so that it learns that; or promote another bolt")
        case .promisesMissing, .tailMissing, .unexpected, .outbid: return lossProblem(refusal)
        case .notInSync, .notPrimary, .notTaken, .lastStandby: return membershipProblem(refusal)
        case .busy(let operation):
            return Problem(.operationRuns, "operation \(operation) runs in \(name)")
        case .absurdEpoch(let number):
            return Problem(.absurdEpoch, "epoch \(number) was heard of in \(name): nobody could have minted it")
        case .storage(.full):
            return fullDisk
        case .storage: return Problem(.storeFailure, "the disk of \(bolt) did not take it; nothing was changed")
        case .alreadyFounded: return Problem(.alreadyFounded, "partition \(name) was founded before")
        case .badMembers: return Problem(.badMembers, "that is no list of members for \(name)")
        }
    }

    private func lossProblem(_ refusal: PartitionOperationRefusal) -> Problem {
        switch refusal {
        case .promisesMissing(let missing, let bound):
            Problem(
                .promisesMissing,
                "\(bolt) was not promoted: no promise can be had of \(text(missing)). Could be lost: \(words(bound))",
                next: "start \(text(missing)) and try again; to accept that loss: boltctl partition promote \(name) "
                    + "--to \(bolt) --allow-data-loss")
        case .tailMissing(let disk, let bound):
            Problem(
                .tailMissing,
                "\(bolt) was not promoted: it cannot get the end of the log from \(text(disk)). At stake: "
                    + words(bound),
                next: "promote \(text(disk)) instead: boltctl partition promote \(name) --to \(text(disk)); or mend "
                    + "the link between them; to accept that loss add --allow-data-loss")
        case .unexpected(let point):
            Problem(
                .unexpectedLog, "\(bolt) was not promoted: the log to stand on ends at \(point.shortText)",
                next: "look again: boltctl partition promote \(name) --to \(bolt) --check")
        case .outbid(let epoch):
            Problem(
                .outbid,
                "\(bolt) was not promoted: epoch \(epoch.shortText) of \(text(epoch.minter)) was promised meanwhile")
        case _: Problem(.refusedBySafetyRule, "\(bolt) refused it")
        }
    }

    private func membershipProblem(_ refusal: PartitionOperationRefusal) -> Problem {
        switch refusal {
        case .notInSync(let disk):
            Problem(
                .notInSync,
                disk.map { "\(text($0)) is no standby in sync of \(name)" } ?? "no standby of \(name) is in sync",
                next: "see how far each is: boltctl partition show \(name)")
        case .notPrimary(let disk):
            Problem(
                .notPrimary,
                "\(bolt) is not primary of \(name)" + (disk.map { ": \(text($0)) is" } ?? "; none is known here"),
                next: "boltctl partition show \(name)")
        case .notTaken(let disk):
            isSealed(disk)
                ? problem(handover: .sealed([disk]))
                : Problem(
                    .handoverCancelled, "\(text(disk)) did not take \(name) over in time: \(bolt) goes on as primary",
                    next: "look at the log of \(text(disk)), then try again: boltctl partition switchover \(name)")
        case .lastStandby(let disk): lastStandby(disk)
        case _: Problem(.refusedBySafetyRule, "\(bolt) refused it")
        }
    }

    private func isSealed(_ disk: ReplicaID) -> Bool {
        picture.reports.contains { $0.isSealed && $0.standing?.disk == disk }
    }

    /// This bolt is to be promoted and is sealed. Whoever else could be is named.
    private var sealedCandidate: Problem {
        let others = picture.view(envoys: 0).unsealedStandbys.filter { $0 != bolt }
        let instead = others.map { "boltctl partition promote \(name) --to \($0)" }
        return Problem(
            .sealed, "\(bolt) was not promoted: it is sealed",
            next: (["boltctl seal unseal --key-file FILE --only \(bolt)"] + instead).joined(separator: "; or "))
    }

    /// This bolt's disk is full: it takes nothing over, and leaves only where its reserve is held. Nothing was changed.
    private var fullDisk: Problem {
        let others = picture.view(envoys: 0).unsealedStandbys.filter { $0 != bolt }
        let reigns = picture.reigning?.bolt.fullName == bolt
        let instead = reigns ? [] : others.map { "promote another: boltctl partition promote \(name) --to \($0)" }
        return Problem(
            .storeFull,
            reigns
                ? "the disk of \(bolt) is full, and nothing is left of its reserve; nothing was changed"
                : "\(bolt) can take nothing over: its disk is full; nothing was changed",
            next: (["make room on the disk of \(bolt)"] + instead).joined(separator: "; or "))
    }

    /// Nobody takes over. Nothing was changed.
    func problem(handover refusal: HandoverHeir.Refusal) -> Problem {
        switch refusal {
        case .notInSync(let disk): return problem(.notInSync(disk))
        case .full(let disks):
            let names = text(disks)
            return Problem(
                .storeFull, "\(name) stays with \(bolt): \(names) can take nothing over, for want of room on the disk",
                next: "make room on the disk of \(names); or name another with --to: boltctl partition show \(name)")
        case .sealed(let disks):
            let names = Plural.are(disks.map { text($0) }, "sealed")
            return Problem(
                .sealed, "\(name) stays with \(bolt): \(names), and can take nothing over",
                next: "boltctl seal unseal --key-file FILE; or name another with --to: boltctl partition show \(name)")
        }
    }

    /// Why a disk is not taken out of these members, as far as that is plain before it is asked for. Where only the
    /// primary is in sync no record becomes safe: a removal would be waited for in vain.
    func removal(of disk: ReplicaID, members: [ReplicaID], inSync: [ReplicaID], isCut: Bool) -> Problem? {
        if let problem = fencedMember(disk) { return problem }
        guard !isCut, members.count > 2, members.contains(disk), inSync.count == 1, !inSync.contains(disk) else {
            return nil
        }
        return problem(.notInSync(nil))
    }

    /// A fenced disk promises and acknowledges nothing: it is no standby that could be taken out in good order.
    func fencedMember(_ disk: ReplicaID) -> Problem? {
        guard picture.isFenced(disk) else { return nil }
        return Problem(
            .notInSync, "\(text(disk)) is fenced: it serves nothing of \(name), and no record has to leave it out",
            next: "end its admission: boltctl bolt remove \(text(disk)) --dead")
    }

    /// Either the partition has no other standby, or none that is in sync: the ways out differ.
    private func lastStandby(_ disk: ReplicaID) -> Problem {
        let others = (picture.reigning?.standing?.members ?? []).filter { member in
            member.disk != disk && member.disk != picture.reigning?.standing?.disk
        }
        let stop = "stop \(text(disk)) for good, then: boltctl bolt remove \(text(disk)) --dead"
        let isInSync = picture.reigning?.standing?.members.contains { $0.disk == disk && $0.isInSync } ?? true
        guard !others.isEmpty, isInSync else {
            return Problem(
                .lastStandby,
                "\(text(disk)) is the last standby of \(name) and lives: without it \(bolt) would acknowledge alone",
                next: stop)
        }
        return Problem(
            .lastStandby,
            "\(text(disk)) is the only standby of \(name) in sync: that it was taken out could not become safe, and "
                + "\(bolt) would acknowledge alone",
            next: "wait until \(text(others.map(\.disk))) is in sync: boltctl partition show \(name); or \(stop)")
    }

    /// A bound with bolts' names where it names disks.
    func words(_ bound: String) -> String {
        var text = bound
        for report in picture.reports {
            for disk in disks(of: report) { text = text.replacing(disk.description, with: report.bolt.fullName) }
        }
        return text
    }

    private func disks(of report: PartitionReport) -> Set<ReplicaID> {
        var disks = Set(picture.reports.flatMap { $0.standing?.members.map(\.disk) ?? [] })
        if let own = report.standing?.disk { disks.insert(own) }
        return disks.filter { $0.key == report.key }
    }

    /// What became of an operation that was not refused.
    func response(
        _ resolution: PartitionResolution, _ operation: OperationID, effects: [String] = []
    ) throws -> OperationResponse {
        switch resolution {
        case .refused(let refusal): throw problem(refusal)
        case .done(let epoch, let point):
            return OperationResponse(
                operation: operation, partition: name, bolt: bolt, outcome: .done, epoch: epoch, point: point,
                primary: picture.view(epoch.minter).bolt, effects: effects)
        case .report(let point, let missing, let bound):
            return OperationResponse(
                operation: operation, partition: name, bolt: bolt, outcome: .report, point: point,
                missing: missing.map { picture.view($0) }, bound: bound.map(words), effects: effects)
        case .ask(let disk):
            return OperationResponse(
                operation: operation, partition: name, bolt: bolt, outcome: .running,
                primary: disk.flatMap { picture.view($0).bolt }, effects: effects)
        }
    }
}
