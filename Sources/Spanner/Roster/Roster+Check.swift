internal import CRDT

extension Roster {
    /// Whether `run` is valid, judged from the run, its chain and its author's certificate alone. Changes nothing.
    ///
    /// `base` lets a caller check a run that follows another one still being written: the `head` of that one. What is
    /// held already is trimmed from the front of the run. O(bytes of the run) and one signature, plus one certificate
    /// chain and one signature for each act in it.
    public func check(
        _ run: SignedRun, after base: ChainHead? = nil, trust: RunTrust = .received
    ) -> Result<CheckedRun, RunRejection> {
        do throws(RunRejection) {
            return .success(try checked(run, after: base, trust: trust))
        } catch {
            return .failure(error)
        }
    }

    private func checked(
        _ run: SignedRun, after base: ChainHead?, trust: RunTrust
    ) throws(RunRejection) -> CheckedRun {
        try checkShape(run)
        let run = try upToFork(run, trust: trust)
        let held = base ?? head(of: run.replica)
        guard run.first <= held.counter + 1 || mutation == .gapsAreApplied else { throw .gap(after: held.counter) }
        guard run.last > held.counter else { throw judgeDuplicate(run, held: held) }
        let skip = run.first <= held.counter ? Int(held.counter - run.first + 1) : 0
        let rest = SignedRun(
            replica: run.replica, first: max(run.first, held.counter + 1), bodies: Array(run.bodies[skip...]),
            signature: run.signature)
        let author = try author(of: rest, held: held)
        let head = ChainHead(counter: rest.last, hash: chain.head(after: held.hash, rest.bodies), author: author)
        if trust == .received, !(mutation == .gapsAreApplied && run.first > held.counter + 1) {
            let message = EventChain.message(replica: run.replica, last: head.counter, head: head.hash)
            guard witness.verify(signature: run.signature, over: message, by: author.signingKey) else {
                throw judgeMismatch(run, held: held, author: author)
            }
        }
        let events = try decode(rest)
        let acts = try verifyActs(events, trust: trust)
        try checkContent(events, author: author, trust: trust)
        return CheckedRun(run: rest, events: events, base: held, head: head, acts: acts)
    }

    /// From the own disk what comes before the fork of its replica; of others nothing that goes beyond.
    private func upToFork(_ run: SignedRun, trust: RunTrust) throws(RunRejection) -> SignedRun {
        guard let fork = proofs[run.replica], run.last > fork.agreedThrough else { return run }
        guard trust == .stored, run.first <= fork.agreedThrough else { throw .beyondFork(fork) }
        let kept = Array(run.bodies.prefix(Int(fork.agreedThrough - run.first + 1)))
        return SignedRun(replica: run.replica, first: run.first, bodies: kept, signature: run.signature)
    }

    private func checkShape(_ run: SignedRun) throws(RunRejection) {
        func malformed(_ detail: String) -> RunRejection {
            .refused(.malformed, counter: run.first, detail: detail)
        }
        guard !run.bodies.isEmpty, run.bodies.count <= RosterLimits.runEventsMax else {
            throw malformed("\(run.bodies.count) events in a run")
        }
        guard run.first >= 1, run.first <= Dot.counterMax - UInt64(run.bodies.count) else {
            throw malformed("counter \(run.first) out of range")
        }
        guard run.signature.count == 64 else { throw malformed("signature of \(run.signature.count) bytes") }
        var bytes = 0
        for body in run.bodies {
            guard body.count <= RosterLimits.eventBytesMax else { throw malformed("event of \(body.count) bytes") }
            bytes += body.count
        }
        guard bytes <= RosterLimits.runBytesMax else { throw malformed("run of \(bytes) bytes") }
    }

    /// The author of a replica is who its first event certifies.
    private func author(of run: SignedRun, held: ChainHead) throws(RunRejection) -> Author {
        if let author = held.author { return author }
        guard histories.count < RosterLimits.replicasMax else {
            throw .refused(.malformed, counter: run.first, detail: "\(histories.count) histories are held, the most")
        }
        func refused(_ reason: RejectReason, _ detail: String) -> RunRejection {
            .refused(reason, counter: run.first, detail: detail)
        }
        let first: RosterEvent
        do throws(DecodingFailure) {
            first = try EventCodec.decode(run.bodies[0], at: Dot(run.replica, run.first))
        } catch {
            throw refused(.malformed, "\(error)")
        }
        guard case .open(let certificates) = first.payload else {
            throw refused(.badOpening, "the first event opens no history")
        }
        guard let author = witness.author(certifiedBy: certificates) else {
            throw refused(.badAuthor, "the certificate chain does not verify")
        }
        switch author.standing {
        case .operator: throw refused(.badAuthor, "an operator has no history of its own")
        case .root:
            guard run.replica.incarnation == 0 else { throw refused(.badOpening, "the root has one history only") }
        case .bolt: break
        }
        guard run.replica.key == witness.hash(author.signingKey.bytes.bytes) else {
            throw refused(.badAuthor, "the history is not named after its author's key")
        }
        return author
    }

    private func decode(_ run: SignedRun) throws(RunRejection) -> [RosterEvent] {
        var events: [RosterEvent] = []
        events.reserveCapacity(run.bodies.count)
        var counter = run.first
        for body in run.bodies {
            do throws(DecodingFailure) {
                events.append(try EventCodec.decode(body, at: Dot(run.replica, counter)))
            } catch {
                throw .refused(.malformed, counter: counter, detail: "\(error)")
            }
            counter += 1
        }
        return events
    }

    /// What a kind of author may write. Bolts and operators are admitted by acts only; the root carries acts only.
    private func checkContent(
        _ events: [RosterEvent], author: Author, trust: RunTrust
    ) throws(RunRejection) {
        for event in events {
            func refused(_ reason: RejectReason, _ detail: String) -> RunRejection {
                .refused(reason, counter: event.dot.counter, detail: detail)
            }
            switch event.payload {
            case .open:
                guard event.dot.counter == 1 else { throw refused(.badOpening, "a second opening") }
            case .admit(let admission):
                guard admission.role == .envoy else {
                    throw refused(.malformed, "\(admission.role) admitted without an operator")
                }
                guard author.standing != .root else { throw refused(.badAuthor, "the root admits by acts only") }
            case .amend, .remove, .token, .topology, .slices:
                guard author.standing != .root else { throw refused(.badAuthor, "the root carries acts only") }
            case .act, .unknown: break
            }
            if trust == .received, case .amend(let amendment) = event.payload, let rekey = amendment.rekey {
                guard isProved(rekey) else { throw refused(.badProof, "\(rekey.from) did not hand on to \(rekey.to)") }
            }
        }
    }

    /// Whether both keys signed the hand-on: a bolt that makes one up would tie a stranger's key to a lineage, so that
    /// a ban of the one takes the other with it.
    func isProved(_ rekey: Rekey) -> Bool {
        witness.handsOn(
            rekey.principal, of: mesh, from: rekey.from, to: rekey.to, sealingKey: rekey.sealingKey, proof: rekey.proof)
    }

    private func verifyActs(
        _ events: [RosterEvent], trust: RunTrust
    ) throws(RunRejection) -> [Int: VerifiedAct] {
        var acts: [Int: VerifiedAct] = [:]
        for (place, event) in events.enumerated() {
            guard case .act(let signed) = event.payload else { continue }
            switch verify(signed, trust: trust) {
            case .success(let act): acts[place] = act
            case .failure(let failure):
                throw .refused(.badAct, counter: event.dot.counter, detail: failure.detail)
            }
        }
        return acts
    }

    /// Whether an act is what an operator of this mesh, or its root, signed: what a bolt asks before it carries one.
    ///
    /// Says nothing of whether it would be in force. Throws `RosterDraftError` with code `act_invalid`.
    public func verify(_ signed: SignedAct) throws(RosterDraftError) -> (act: OperatorAct, signer: Author) {
        switch verify(signed, trust: .received) {
        case .success(let verified): return (verified.act, verified.signer)
        case .failure(let failure): throw failure
        }
    }

    func verify(_ signed: SignedAct, trust: RunTrust) -> Result<VerifiedAct, RosterDraftError> {
        func invalid(_ detail: String) -> Result<VerifiedAct, RosterDraftError> {
            .failure(RosterDraftError(.actInvalid, detail))
        }
        let act: OperatorAct
        do throws(DecodingFailure) {
            act = try ActCodec.decode(signed.content)
        } catch {
            return invalid("act: \(error)")
        }
        guard act.mesh == mesh else { return invalid("act for another mesh") }
        guard let signer = witness.author(certifiedBy: signed.chain) else {
            return invalid("the certificate chain of the act's signer does not verify")
        }
        if case .bolt = signer.standing { return invalid("a bolt signed an operator's act") }
        if trust == .received {
            let message = ActCodec.message(for: signed.content)
            guard witness.verify(signature: signed.signature, over: message, by: signer.signingKey) else {
                return invalid("the act's signature does not verify")
            }
        }
        let id = witness.hash(signer.signingKey.bytes.bytes + signed.content)
        return .success(VerifiedAct(id: id, act: act, signer: signer))
    }

    /// A run of which every counter is held: the same story, or a second one.
    private func judgeDuplicate(_ run: SignedRun, held: ChainHead) -> RunRejection {
        guard let author = held.author, let evidence = evidence(run, author: author) else { return .duplicate }
        return .forked(evidence)
    }

    /// A run that does not continue what is held: a second story where its author signed it, else a forgery.
    private func judgeMismatch(_ run: SignedRun, held: ChainHead, author: Author) -> RunRejection {
        if let evidence = evidence(run, author: author) { return .forked(evidence) }
        return .refused(.badSignature, counter: run.first, detail: "the signature does not verify over the chain")
    }

    /// Two signed heads, where the run continues a known boundary and is signed, but leads elsewhere.
    ///
    /// A run that parts from the held history before its own start continues no known boundary and can't be told from
    /// a forgery: asking the peer for the history from its beginning brings the evidence.
    private func evidence(_ run: SignedRun, author: Author) -> ForkEvidence? {
        guard let place = places[run.replica], let signed = histories[place].signed else { return nil }
        let history = histories[place]
        guard run.first <= history.head.counter, let start = history.hash(at: run.first - 1) else { return nil }
        var hash = start
        var agreed = run.first - 1
        var parted = false
        for (offset, body) in run.bodies.enumerated() {
            hash = chain.next(hash, body)
            let counter = run.first + UInt64(offset)
            guard let known = history.hash(at: counter) else { continue }
            if known == hash { agreed = counter } else { parted = true }
        }
        guard parted else { return nil }
        let message = EventChain.message(replica: run.replica, last: run.last, head: hash)
        guard witness.verify(signature: run.signature, over: message, by: author.signingKey) else { return nil }
        let other = SignedHead(counter: run.last, hash: hash, signature: run.signature)
        return ForkEvidence(replica: run.replica, agreedThrough: agreed, held: signed, other: other)
    }
}
