internal import BoltAPI
internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore

extension EnvoyAgent {
    /// Takes what an obeyed answer says of policy: what it proves, and nothing else. What is refused changes nothing.
    func heed(_ response: CheckInResponse, at address: String) async throws(StoreError) {
        guard desk != nil, let told = response.policy else { return }
        let owner = PolicyDesk.Owner(sight)
        let partition = port.partition(at: address)
        let isOwners = response.custody == nil && (owner.partition == nil || partition == owner.partition)
        hearing = told.state == .covered ? nil : address
        if told.state == .current { desk?.settle() }
        try desk?.hear(told, of: owner, from: address, isOwners: isOwners)
        if let grant = told.grant,
            let candidate = desk?.judge(grant.bytes, of: owner, from: address)
        {
            try await take(candidate, box: told.box?.bytes, from: address)
        }
        if let trouble = desk?.trouble, !isTold(trouble) {
            logger.warning("policy", metadata: ["code": "\(trouble.code.rawValue)", "reason": "\(trouble.reason)"])
        }
    }

    /// Fetches what a grant names and is not here, and accepts it whole.
    private func take(
        _ candidate: PolicyDesk.Candidate, box: [UInt8]?, from address: String
    ) async throws(StoreError) {
        let digest = candidate.grant.leaf.body
        var body: [UInt8]?
        if desk?.held?.leaf.body == digest { body = try desk?.load()?.body }
        if body == nil {
            switch await fetch(digest, from: address) {
            case .success(let bytes): body = bytes
            case .failure(let failure):
                desk?.fail(.unfetched(failure))
                return
            }
        }
        guard let body, try desk?.accept(candidate, body: body, box: box, from: address) == true else { return }
        let head = candidate.grant.signed.head
        logger.info(
            "a policy was accepted",
            metadata: [
                "partition": "\(head.partition)", "sequence": "\(head.sequence)", "revision": "\(head.revision)",
            ])
    }

    /// The body from whoever gave the grant, else from the next bolts that are known.
    private func fetch(_ digest: Bytes32, from address: String) async -> Result<[UInt8], EnvoyPortFailure> {
        var failure = EnvoyPortFailure.noBody(at: address)
        let others = addresses.filter { $0 != address }.prefix(EnvoyLimits.bodyOthersMax)
        for place in [address] + others {
            do {
                let bytes = try await port.policyBody(digest, at: place)
                if trust.witness.hash(bytes) == digest { return .success(bytes) }
                failure = .otherBody(at: place)
            } catch { failure = error }
        }
        return .failure(failure)
    }

    // MARK: Passes

    /// Makes a pass where one is due, or tells what is the matter. Whether anything was put into the queue.
    ///
    /// The time of a pass comes once a round at most: a second one in the same round (`byClock` false) is made only for
    /// something new, however soon the owner wants to hear again. While one is under way no other is begun: what is new
    /// has its turn after it. Once the agent is to end none is begun.
    func passIfDue(isReported: Bool, byClock: Bool = true) async throws(StoreError) -> Bool {
        guard let desk else { return false }
        if beside.isPassing || Task.isCancelled { return false }
        let isDue = desk.isDue || byClock && clock.isDue(at: .now, isReported: isReported)
        guard isDue, desk.held != nil else { return try tellTrouble(at: desk.work.now()) }
        return try await makePass()
    }

    private func makePass() async throws(StoreError) -> Bool {
        // What was the matter before the pass is told before it.
        let isTold = try tellTrouble(at: desk?.work.now() ?? .now())
        guard let pass = try prepare() else {
            let isToldNow = try tellTrouble(at: desk?.work.now() ?? .now())
            return isTold || isToldNow
        }
        if let begin = beside.begin {
            // Where the agent ends at this moment, nobody makes it any more: the next start does.
            if case .enqueued = begin.yield(pass) { beside.isPassing = true }
            return isTold
        }
        try end(pass, await pass.work.run())
        return true
    }

    /// All that a pass needs, as it is now; nil where none is to be made, and then `desk.trouble` says why.
    private func prepare() throws(StoreError) -> PassUnderWay? {
        let order = desk?.begin()
        guard let policy = try desk?.load(), let desk else { return nil }
        clock.passed(at: .now)
        let begun = desk.work.now()
        let standing = desk.sight.standing(now: begun)
        tellStanding(at: begun)
        if standing == .expired(.stop) {
            self.desk?.fail(.stopped)
            return nil
        }
        if desk.trouble == .stopped { self.desk?.settle() }
        let isOffline = !desk.isHeard
        let work = PolicyPass(
            body: policy.body, box: policy.box, machine: desk.machine, traits: traits, key: desk.work.sealingKey,
            enforcer: desk.work.enforcer, allowance: allowance(order?.kind, standing, isOffline: isOffline),
            known: try desk.store.inForce())
        var record = record(at: begun, isOffline: isOffline)
        (record.push, record.order) = (order?.push, newsTaken.order)
        return PassUnderWay(work: work, grant: policy.grant, record: record)
    }

    /// Keeps and tells what came of a pass. Durable when it returns.
    private func end(_ pass: PassUnderWay, _ result: PolicyPass.Result) throws(StoreError) {
        // Counted from its end: one that takes longer than the interval is followed by a rest as well.
        clock.passed(at: .now)
        if let inForce = result.inForce {
            try unlessFull { () throws(StoreError) in try desk?.store.setInForce(inForce) }
        }
        var record = pass.record
        switch result.outcome {
        case .success(let report):
            // Machine after machine and hour after hour the same: only that it is so is told.
            let isTerse = record.isOffline && report.isConverged && report.counts.changed == 0
            record.report = report.bounded(isTerse: isTerse)
            if report.isCut { record.isCut = true }
        case .failure(let trouble):
            record.trouble = "\(trouble)"
            // What was kept was found to be damaged only now; what was accepted meanwhile is another.
            if trouble.code == .damaged, desk?.held?.canonicalBytes == pass.grant {
                try desk?.discard(trouble.reason)
            }
        }
        try tell(record)
        // What became the matter meanwhile is told after it.
        _ = try tellTrouble(at: desk?.work.now() ?? .now())
    }

    /// What is the matter with the policy now: one that was refused, say, while an earlier one stays in force; nil
    /// where nothing is.
    public var policyTrouble: PolicyTrouble? { desk?.trouble }

    /// Makes the passes of a lasting agent, one after the other, beside its reports: a pass may take as long as it
    /// needs, and what came of it is durable at once. Cancelled, it ends the one that is under way.
    func makePasses(_ begun: AsyncStream<PassUnderWay>) async {
        for await pass in begun {
            let result = await pass.work.run()
            beside.isPassing = false
            do throws(StoreError) { try end(pass, result) } catch { beside.failure = error }
            beside.hasPassed = true
            beside.wake?.finish()
        }
    }

    private func allowance(
        _ order: PolicyOrder.Kind?, _ standing: PolicyStanding, isOffline: Bool
    ) -> PolicyPass.Allowance {
        if order == .applyDisruptive || !isOffline { return .all }
        return standing == .expired(.enforceSafe) ? .none : .known
    }

    /// What is the matter is told once, as a pass that was not made. Whether it was told now: while a pass is under
    /// way it waits for that one, which began before, so that what is told is in the order in which it was.
    func tellTrouble(at time: WallTime) throws(StoreError) -> Bool {
        guard let trouble = desk?.trouble else {
            toldTrouble = nil
            return false
        }
        guard !isTold(trouble), !beside.isPassing else { return false }
        (toldTrouble, toldTo) = (trouble, sight.freshness)
        var record = record(at: time, isOffline: desk?.isHeard == false)
        record.trouble = "\(trouble)"
        // Of a version that could not be taken its owner is to hear, or it waits for it.
        if let sequence = trouble.sequence { record.sequence = sequence }
        try tell(record)
        return true
    }

    /// Whoever else says it again: it is one trouble until it is over, or a later version has it as well. Another owner
    /// numbers its versions anew, and so may the same one in another epoch.
    private func isTold(_ trouble: PolicyTrouble) -> Bool {
        toldTo == sight.freshness && trouble.code == toldTrouble?.code
            && trouble.sequence ?? 0 <= toldTrouble?.sequence ?? 0
    }

    private func record(at time: WallTime, isOffline: Bool) -> PassRecord {
        let signed = desk?.held?.signed
        return PassRecord(
            at: time, head: signed.map { trust.witness.hash($0.head.signedBytes(in: trust.mesh)) },
            sequence: signed?.head.sequence, body: desk?.held?.leaf.body, isOffline: isOffline, report: nil)
    }

    /// Into the queue, once, and into the machine's own log.
    private func tell(_ record: PassRecord) throws(StoreError) {
        lastPass = record
        if let body = try? record.resultBody() { try put(body) }
        if let log = desk?.work.log, let why = log.note(record) {
            logger.warning("a pass could not be noted on this machine", metadata: ["reason": "\(why)"])
        }
    }

    /// What `status` is to show of the policy.
    func notePolicy() {
        guard let desk else { return }
        let now = desk.work.now()
        let next = clock.next(isServed: isServed).map { WallTime.now().advanced(by: $0 - .now) }
        let pass = lastPass
        history.note { policy in
            policy.version = desk.held.map { grant in
                let head = grant.signed.head
                return PolicyHistory.Version(
                    revision: head.revision, partition: head.partition, epoch: head.epoch.number,
                    sequence: head.sequence, made: head.made, accepted: desk.acceptedAt,
                    leaf: grant.leaf.hash(by: trust.witness), standing: desk.sight.standing(now: now).words,
                    maxAgeSeconds: grant.leaf.terms.maxAgeSeconds, expiry: PolicyExpiryWord(grant.leaf.terms.expiry),
                    since: desk.sight.since)
            }
            if let pass {
                policy.lastPass = PolicyHistory.Pass(
                    at: pass.at, outcome: pass.outcome, counts: pass.report?.counts, isOffline: pass.isOffline,
                    failure: pass.failure)
            }
            if let heard = desk.sight.beacon?.at { policy.heard = heard }
            policy.nextPass = isLasting && desk.held != nil ? next : nil
            (policy.note, policy.trouble) = (desk.note, desk.trouble)
        }
    }
}

extension EnvoyPortFailure {
    /// Nobody had it.
    fileprivate static func noBody(at address: String) -> EnvoyPortFailure {
        EnvoyPortFailure(
            .unavailable, code: "policy_unfetched", reason: "\(address) does not have it", next: "ask again later")
    }

    /// Something else came in its place.
    fileprivate static func otherBody(at address: String) -> EnvoyPortFailure {
        EnvoyPortFailure(
            .unavailable, code: "policy_mismatch", reason: "\(address) gave another body than the one asked for",
            next: "look at that bolt's disk")
    }
}
