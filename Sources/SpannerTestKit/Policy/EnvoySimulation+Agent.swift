import CRDT
import Spanner

/// What stands around the envoy's machines: a disk, a process, a network. As the agent does it, apart from the
/// deliberate faults.
extension EnvoySimulation {
    /// A process begins from what its disk has.
    func start(_ envoy: Int) {
        guard !envoys[envoy].isUp || envoys[envoy].life == 0 else { return }
        envoys[envoy].life += 1
        envoys[envoy].isUp = true
        envoys[envoy].disk = envoys[envoy].durable
        envoys[envoy].machine = machine(envoys[envoy].disk, seed: generator.next())
        (envoys[envoy].asked, envoys[envoy].obeying) = (nil, nil)
        step(envoy, .started)
    }

    func crash(_ envoy: Int) {
        guard envoys[envoy].isUp else { return }
        count(fault: "envoy killed")
        envoys[envoy].isUp = false
        envoys[envoy].life += 1
        envoys[envoy].disk = envoys[envoy].durable
        let rest = healedAt == nil ? generator.below(1500) * Self.millisecond : 0
        queue.push(.start(envoy: envoy), at: now + 1000 + rest)
    }

    /// One transaction of its disk; false where the process died before it, or right after it.
    func commit(_ envoy: Int) -> Bool {
        let isAimed = healedAt == nil && chance(3)
        if isAimed, chance(50) {
            crash(envoy)
            return false
        }
        let before = envoys[envoy].durable.policy
        envoys[envoy].durable = envoys[envoy].disk
        if options.has(.sightNotKept) { envoys[envoy].durable.policy = before }
        if isAimed {
            crash(envoy)
            return false
        }
        return true
    }

    func produce(_ envoy: Int) {
        guard healedAt == nil else { return }
        queue.push(.produce(envoy), at: now + (20 + generator.below(300)) * Self.millisecond)
        guard envoys[envoy].isUp else { return }
        add(envoy)
        guard commit(envoy) else { return }
        step(envoy, .held(envoys[envoy].disk.held))
    }

    /// A pass ended with a result.
    private func add(_ envoy: Int) {
        let item = EnvoySimItem(id: newItem())
        let dropped = envoys[envoy].disk.truth.dropped
        envoys[envoy].disk.append(
            item, max: options.queueMax, silent: options.has(.silentDrop), marker: { self.newItem() })
        count(work: envoys[envoy].disk.truth.dropped > dropped ? "results dropped" : "results queued")
        checkQueue(envoy)
    }

    func step(_ envoy: Int, _ event: EnvoyMachine.Event) {
        guard envoys[envoy].isUp, report.violations.isEmpty else { return }
        let life = envoys[envoy].life
        for effect in envoys[envoy].machine.step(event) where envoys[envoy].life == life {
            perform(effect, of: envoy)
        }
    }

    private func perform(_ effect: EnvoyMachine.Effect, of envoy: Int) {
        switch effect {
        case .checkIn(let server, let queue, let after): checkIn(envoy, server, queue, after: after)
        case .schedule(let number, let after):
            let (seconds, attoseconds) = after.components
            let wait = UInt64(seconds) * Self.second + UInt64(attoseconds / 1_000_000_000_000)
            queue.push(.timer(envoy: envoy, life: envoys[envoy].life, number: number), at: now + wait)
        case .release(let queue, let through): release(envoy, queue, through: through)
        case .startOver:
            envoys[envoy].startsOver += 1
            count(work: "queues begun anew")
            checkStartOver(envoy)
            envoys[envoy].disk.startOver(as: newQueue())
            guard commit(envoy) else { return }
            step(envoy, .held(envoys[envoy].disk.held))
        case .remember, .notify: break
        }
    }

    private func release(_ envoy: Int, _ queue: QueueID, through: UInt64) {
        checkRelease(envoy, queue, through: through)
        envoys[envoy].disk.release(queue, through: through, max: options.queueMax, marker: { self.newItem() })
        count(work: "releases")
        guard commit(envoy) else { return }
        step(envoy, .held(envoys[envoy].disk.held))
    }

    private func checkIn(_ envoy: Int, _ server: Int, _ id: QueueID, after: UInt64) {
        let disk = envoys[envoy].disk
        guard let queue = disk.queues.first(where: { $0.id == id }) else { return }
        let places = queue.items.enumerated()
            .map { EnvoySimContent.SimItemPlace(sequence: queue.first + UInt64($0.offset), item: $0.element) }
            .filter { $0.sequence > after }
        let request = EnvoySimRequest(
            number: nextRequest, envoy: envoy, queue: id, firstHeld: queue.first,
            places: Array(places.prefix(options.batchMax)), remembered: disk.sight.freshness?.register.hash,
            epoch: disk.sight.fence.epoch, heldLeaf: disk.heldLeaf, after: after)
        nextRequest += 1
        envoys[envoy].asked = request.number
        count(work: "check-ins")
        let life = envoys[envoy].life
        self.queue.push(.timeout(envoy: envoy, life: life, request: request.number), at: now + 800 * Self.millisecond)
        if !loses() { self.queue.push(.request(request, at: server), at: later(20)) }
    }

    /// Whether the network loses something now.
    func loses() -> Bool {
        guard options.hasBadNetwork, healedAt == nil, chance(8) else { return false }
        count(fault: "messages lost")
        return true
    }

    // MARK: - Answers

    func receive(_ reply: EnvoySimReply, to request: EnvoySimRequest, life: UInt64) {
        let envoy = request.envoy
        guard envoys[envoy].isUp, envoys[envoy].life == life, envoys[envoy].asked == request.number else { return }
        envoys[envoy].asked = nil
        for value in [request.number, reply.epoch, reply.storedThrough, reply.releaseThrough] { trace.mix(value) }
        guard let fence = judge(reply, by: envoy) else { return }
        guard takePolicy(reply, by: envoy) else { return }
        envoys[envoy].obeying = reply
        if reply.contradicts { return step(envoy, .failed(.contradicted)) }
        checkAnswer(reply, by: envoy)
        step(envoy, .answered(answer(reply, to: request, fence)))
    }

    /// What the machine is told of an answer that is obeyed.
    private func answer(
        _ reply: EnvoySimReply, to request: EnvoySimRequest, _ fence: EnvoyMachine.Fence
    ) -> EnvoyMachine.Answer {
        let told = request.places.last?.sequence ?? request.after
        var answer = EnvoyMachine.Answer(
            storedThrough: reply.storedThrough, releaseThrough: reply.releaseThrough, toldThrough: told,
            isOwners: bears(reply, request), fence: fence, nextInterval: .milliseconds(400), servers: 4)
        let isKept = reply.source == .custody
        if options.has(.deletedOnLocal) || (options.has(.deletedOnCustody) && isKept) {
            (answer.releaseThrough, answer.isOwners) = (reply.storedThrough, true)
        }
        if options.has(.custodyMatched), isKept { (answer.releaseThrough, answer.isOwners) = (0, true) }
        if options.has(.untoldBelieved) { answer.toldThrough = max(told, reply.storedThrough) }
        if options.has(.epochsMatched) { answer.fence = EnvoyMachine.Fence(register: .max, epoch: .max) }
        return answer
    }

    /// Whom the answer is obeyed as, or nil where the machine was told already that it is not.
    private func judge(_ reply: EnvoySimReply, by envoy: Int) -> EnvoyMachine.Fence? {
        var sight = envoys[envoy].disk.sight
        do throws(OwnerSight.Refusal) {
            var voucher: SliceVoucher?
            if let bytes = reply.voucher {
                do throws(DecodingFailure) { voucher = try SliceVoucher(bytes) } catch { throw .forged }
            }
            let verdict = try sight.judge(
                number: 1, epoch: reply.epoch, voucher: voucher, from: reply.from, mesh: TestIdentity.mesh,
                witness: witness)
            if sight != envoys[envoy].disk.sight {
                envoys[envoy].disk.sight = sight
                noteAuthority(envoy)
                guard commit(envoy) else { return nil }
            }
            switch verdict {
            case .obey(let fence): return fence
            case .ledOn:
                count(work: "led on")
                step(envoy, .failed(.unavailable(retryAfter: nil)))
            }
        } catch {
            count(work: "answers refused: \(error)")
            if options.has(.olderEpochObeyed) { return envoys[envoy].disk.sight.fence }
            let isOld = error == .superseded
            step(
                envoy,
                isOld
                    ? .answered(
                        EnvoyMachine.Answer(
                            storedThrough: 0, releaseThrough: 0, toldThrough: 0, isOwners: false,
                            fence: .init(register: 0, epoch: reply.epoch), nextInterval: .milliseconds(400),
                            servers: 4))
                    : .failed(.unavailable(retryAfter: nil)))
        }
        return nil
    }

    private func bears(_ reply: EnvoySimReply, _ request: EnvoySimRequest) -> Bool {
        let sight = envoys[request.envoy].disk.sight
        let told = options.has(.receiptReplayed) ? reply.told ?? .zero : request.told(by: witness)
        let receipt = OwnerReceipt(
            register: sight.freshness?.register.hash ?? .zero, epoch: reply.epoch, queue: request.queue,
            told: told, storedThrough: reply.storedThrough, releaseThrough: reply.releaseThrough)
        return sight.bears(
            receipt, signature: reply.signature, from: reply.from, mesh: TestIdentity.mesh, witness: witness)
    }
}
