internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import Synchronization

extension BoltEndpoints {
    /// What envoys, and bolts on behalf of envoys, ask for.
    func envoyRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        if request.endpoint == .checkIn {
            let isLong = request.body.count > EventLoopTasks.bodyBytesMax
            return try await EventLoopTasks.elsewhere(isLong) { try await checkIn(request) }
        }
        try await requireServing()
        guard !partition.sealing.isSealed else { throw sealedForEnvoys() }
        switch request.endpoint {
        case .peerCheckIn: return try await peerCheckIn(request)
        case .enroll: return try await enrol(request.decode(EnrolRequest.self), hops: 0, request)
        case .peerEnroll:
            let forwarded = try request.decode(PeerEnrolRequest.self)
            return try await enrol(forwarded.request, hops: forwarded.hops, request)
        case .rekey: return try await rekey(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    /// Refuses while this bolt may not speak for the mesh, whatever its part in its partition is.
    func requireServing() async throws {
        try requireServing(await node.read { $0.unready })
    }

    private func requireServing(_ unready: String?) throws {
        switch readiness.phase {
        case .starting: throw Problem(.notReady, "reading its state")
        case .draining: throw Problem(.draining, "this bolt is shutting down")
        case .serving: break
        }
        if let unready { throw Problem(.notReady, unready) }
    }

    /// What an envoy's machine is told by a sealed bolt: whose partition it is, and that nobody there has to act.
    private func sealedForEnvoys() -> Problem {
        Problem(
            .sealed, "partition \(configuration.partition) is sealed: \(configuration.fullName) takes nothing for it",
            status: 503,
            next: "nothing on this machine: it tries again by itself. An operator of the mesh unseals "
                + "\(configuration.partition): boltctl seal unseal --key-file FILE")
    }

    // MARK: Check-ins

    private func checkIn(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let peer = request.peer, let envoy = request.principal else {
            throw Problem(.notAuthenticated, "a check-in needs an envoy's certificate")
        }
        try requireServing(await grounds.grounds(of: peer).unready)
        guard !partition.sealing.isSealed else { throw sealedForEnvoys() }
        let body = try incoming(request, of: envoy.id, peer)
        return try await serve(body, envoy: envoy.id, hops: 0, request)
    }

    /// A check-in as envoys send it is read by a reader of its own; every other one, and what is wrong, by the general
    /// one, which says why.
    private func incoming(
        _ request: HTTPRequestContext, of envoy: PrincipalID, _ peer: CertifiedPeer
    ) throws -> IncomingCheckIn {
        let read = CheckInReader.read(request.body)
        if let read, let known = traits.known(read.traits, of: envoy) {
            let checked = try CheckInBody(
                queue: read.queue, firstHeld: read.firstHeld, results: read.results, traits: known,
                highest: read.highest, policy: read.policy)
            return IncomingCheckIn(
                checked: checked, whole: { try request.decode(CheckInRequest.self) }, peer: peer, key: peer.tlsKey)
        }
        let body = try request.decode(CheckInRequest.self)
        let checked = try CheckInBody(body)
        if let read, let known = checked.traits {
            traits.remember(read.traits, as: known, of: envoy)
        }
        return IncomingCheckIn(checked: checked, whole: { body }, peer: peer, key: peer.tlsKey)
    }

    /// A bolt passes on what an envoy sent to it. The envoy is judged here anew: by its chain, then by the roster.
    private func peerCheckIn(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(PeerCheckInRequest.self)
        guard (0...APILimits.forwardHopsMax).contains(body.hops) else {
            throw Problem(.ownerUnreachable, "passed on \(body.hops) times: the bolts do not agree on the owner")
        }
        let chain = body.envoyChainDER.map(\.bytes)
        let peer: CertifiedPeer
        let keptAt = body.keptAt.map { BoltEndpoints.keptAt($0, now: WallClock.now()) }
        let time = keptAt.map { UnixTime(seconds: Int64($0.milliseconds / 1000)) }
        switch judge.judge(chain, purpose: .client, roles: [.envoy], at: time) {
        case .success(let judged): peer = judged
        case .failure(let refusal): throw Problem(.notAuthenticated, refusal.description)
        }
        var (key, standing) = (peer.tlsKey, await grounds.grounds(of: peer).standing)
        if keptAt != nil, case .superseded(let principal) = standing {
            // It was in force when the check-in was taken. Whom it belonged to is judged by the key that followed.
            key = principal.tlsKey
            standing = await grounds.grounds(of: key).standing
        }
        if case .unknown = standing {
            // The other bolt knows it: the admission is on its way here.
            throw Problem(.notReady, "the envoy's admission has not arrived at its owner yet")
        }
        if let problem = Authorisation.refusal(of: standing) { throw problem }
        guard let envoy = standing.principal else { throw Problem(.notInRoster, "the envoy is not in the roster") }
        var checked = try CheckInBody(body.request)
        // The machine may have told newer ones since.
        if keptAt != nil { checked.traits = nil }
        let incoming = IncomingCheckIn(
            checked: checked, whole: { body.request }, peer: peer, key: key, keptAt: keptAt)
        return try await serve(incoming, envoy: envoy.id, hops: body.hops, request)
    }

    /// When a check-in was kept, as far as another bolt's word for it goes: neither in the future nor long ago.
    static func keptAt(_ said: UInt64, now: WallTime) -> WallTime {
        let oldest = now.milliseconds - min(now.milliseconds, CustodyService.ageMaxMilliseconds)
        return WallTime(milliseconds: min(max(said, oldest), now.milliseconds))
    }

    /// Stores a check-in where this bolt is its owner's primary, passes it on where another is. While the reign
    /// changes hands it is held for a moment: a repeat is harmless, so one that was not decided is sent again.
    private func serve(
        _ body: IncomingCheckIn, envoy: PrincipalID, hops: Int, _ request: HTTPRequestContext
    ) async throws -> HTTPAnswer {
        let begun = ContinuousClock.now
        let sender = request.endpoint == .peerCheckIn ? request.principal?.address : nil
        let isPassedOn = request.endpoint == .peerCheckIn && request.principal?.partition != configuration.partition
        var refusal: OwnersRefusal?
        while true {
            let owner = await route(for: body.key)
            if owner.isSelf, owner.isPrimary,
                let answer = try await store(body, envoy: envoy, isPassedOn: isPassedOn)
            {
                return HTTPAnswer(status: 200, contentType: "application/json", body: answer)
            }
            if !owner.isSelf, let address = owner.address, refusal?.stands(at: address) != true {
                if request.refusesForwarding {
                    return .elsewhere(
                        "partition \(owner.partition) is served by another bolt", address: address,
                        target: request.target)
                }
                // Two bolts that take each other for the primary must not pass it to and fro; a primary that does not
                // answer may be about to have a successor.
                var waits = false
                if hops > 0 { waits = await isArriving(body.key) }
                if address != sender, !waits {
                    if let answer = try await ask(owner, at: address, body, envoy: envoy, hops: hops) {
                        guard await isMoving(answer, owner, body.key) else { return answer }
                        refusal = OwnersRefusal(answer: answer, address: address)
                    }
                } else if owner.partition != configuration.partition, !waits {
                    throw Problem(
                        .notOwner, "the bolt at \(address) passed this on to here, and here it belongs there",
                        status: 503, next: "try again after Retry-After")
                }
            }
            do { try await holdOn(since: begun, owner.partition) } catch let problem as Problem {
                if let refusal { return refusal.answer }
                guard owner.isSelf, owner.isPrimary, problem.code == .noPrimary else { throw problem }
                throw Problem(.sliceSealed, "the envoy's slice is being handed over; nothing was stored")
            }
        }
    }

    /// Passes a check-in on to its owner, or keeps it for that where it cannot be reached. Nil where this bolt's own
    /// partition may have another primary in a moment.
    private func ask(
        _ owner: PartitionRoute, at address: String, _ body: IncomingCheckIn, envoy: PrincipalID, hops: Int
    ) async throws -> HTTPAnswer? {
        let name = owner.partition
        // Without power nobody refuses a connection: each request would wait for an answer, and others behind it.
        if !owner.isLinked, silence.passesOver(name),
            let kept = try await keep(body, envoy: envoy, owner: name, hops: hops)
        {
            return kept
        }
        do {
            return try await passOn(body, to: address, of: name, hops: hops)
        } catch let problem as Problem where [.ownerUnreachable, .tooManyRequests].contains(problem.code) {
            if let kept = try await keep(body, envoy: envoy, owner: name, hops: hops) { return kept }
            guard problem.code == .ownerUnreachable, name == configuration.partition,
                hops < APILimits.forwardHopsMax
            else { throw problem }
            return nil
        }
    }

    /// Whether an owner refused because the envoy's slice is on its way from there: then whoever has it now is asked
    /// before the envoy hears of it.
    private func isMoving(_ answer: HTTPAnswer, _ owner: PartitionRoute, _ key: KeyFingerprint) async -> Bool {
        guard answer.status == 503 else { return false }
        if let problem = try? APIJSON.decode(Problem.self, from: answer.body), problem.code == .notOwner { return true }
        if await isArriving(key) { return true }
        return await route(for: key).partition != owner.partition
    }

    /// Whether the envoy's slice is on its way here: the sender may know of the hand-on already.
    private func isArriving(_ key: KeyFingerprint) async -> Bool {
        await grounds.grounds(of: key).slice.map { board.isArriving($0) } ?? false
    }

    /// A pause between two looks for a primary; throws once it is not worth waiting any more.
    func holdOn(since begun: ContinuousClock.Instant, _ name: PartitionName) async throws {
        let now = ContinuousClock.now
        let heard = partition.board.withLock { $0.primaryHeard }
        // Where there was none lately somebody has to decide first, and requests would only pile up.
        let isBrief = heard.map { now - $0 < BoltEndpoints.handoverMemory } ?? false
        guard isBrief, now - begun < BoltEndpoints.handoverWait, !readiness.isDraining else {
            throw Problem(.noPrimary, "partition \(name) has no primary that is known here")
        }
        try await Task.sleep(for: .milliseconds(10))
    }

    /// How long a request is held while nobody reigns.
    static let handoverWait: Duration = .seconds(3)
    /// How lately somebody must have reigned for that.
    static let handoverMemory: Duration = .seconds(5)

    private func passOn(
        _ body: IncomingCheckIn, to address: String, of name: PartitionName, hops: Int
    ) async throws -> HTTPAnswer {
        guard hops < APILimits.forwardHopsMax else {
            throw Problem(.ownerUnreachable, "partition \(name) has no bolt that can be asked")
        }
        let forwarded = PeerCheckInRequest(
            envoyChainDER: body.peer.chain.map { Base64Bytes($0) }, request: try body.whole(), hops: hops + 1,
            keptAt: body.keptAt?.milliseconds)
        let answer = try await forwarder.post(
            try APIJSON.encode(forwarded), to: Endpoint.peerCheckIn.path, at: address)
        metrics.add(.checkIns, ["forwarded"])
        let type = answer.status == 200 ? "application/json" : Problem.contentType
        var result = HTTPAnswer(status: answer.status, contentType: type, body: answer.body)
        if answer.status == 503 { result.retryAfterSeconds = 2 }
        return result
    }

    /// Stores a check-in here, where its owner is; answered once it is durable. Nil where another bolt is to be asked.
    private func store(_ body: IncomingCheckIn, envoy: PrincipalID, isPassedOn: Bool) async throws -> Data? {
        let (checked, grounds) = (body.checked, await self.grounds.grounds(of: body.key))
        let isContested = try admitted(grounds, as: envoy)
        let pending = PendingCheckIn(
            envoy: envoy, queue: checked.queue, firstHeld: checked.firstHeld, results: checked.results,
            traits: checked.traits, slice: grounds.slice, keptAt: body.keptAt, seen: checked.highest,
            bolts: grounds.bolts, isPassedOn: isPassedOn)
        let quiet = partition.answerQuietly(pending)
        guard let receipt = if let quiet { quiet } else { try await stored(pending) } else { return nil }
        metrics.add(.checkIns, ["stored"])
        let word = try await policyWord(for: envoy, body, isContested: isContested)
        await tellPasses(of: envoy, checked.results)
        return CheckInWriter.write(
            receipt, partition: configuration.partition, interval: configuration.checkInInterval,
            bolts: receipt.bolts?.json ?? grounds.bolts.json, isContested: isContested, policy: word)
    }

    /// What the owner's primary says of a check-in that is durable; nil where another bolt is to be asked.
    private func stored(_ checkIn: PendingCheckIn) async throws -> CheckInReceipt? {
        guard partition.enter(limit: configuration.pendingCheckInsMax) else {
            throw Problem(.tooManyRequests, "too many check-ins wait for the disk", status: 503)
        }
        defer { partition.leave() }
        switch await partition.store(checkIn) {
        case .stored(let receipt): return receipt
        case .elsewhere: return nil
        case .refused(let problem):
            metrics.add(.checkIns, [problem.status < 500 ? "refused" : "failed"])
            if problem.code == .storeFull { await node.read { $0.storeFull = true } }
            throw problem
        }
    }

    /// Whether the envoy is admitted now and results are taken at all; true where it is contested.
    private func admitted(_ grounds: EnvoyGrounds, as envoy: PrincipalID) throws -> Bool {
        let standing = grounds.standing
        if grounds.isReserveSpent { throw PartitionService.diskFull }
        if let problem = Authorisation.refusal(of: standing) { throw problem }
        guard standing.principal?.id == envoy else {
            throw Problem(.notInRoster, "the certificate names an envoy that its key was not admitted for")
        }
        if case .contested = standing { return true }
        return false
    }

    /// Where the bolts are, those of this partition first; and whether this one is its partition's only one.
    func addresses() async -> ([BoltAddress], Bool) {
        let (bolts, partition) = (await node.read { $0.bolts }, configuration.partition)
        let known = bolts.compactMap { BoltAddress($0) }
        let sorted = known.filter { $0.partition == partition } + known.filter { $0.partition != partition }
        return (sorted, bolts.count { $0.partition == partition } <= 1)
    }

    /// Where an envoy's check-ins go: to the owner of its slice, to its primary where one is known.
    private func route(for key: KeyFingerprint) async -> PartitionRoute {
        let owner = await grounds.grounds(of: key).owner
        if owner == configuration.partition, partition.board.withLock({ $0.standing.reigns }) {
            return PartitionRoute(partition: owner, address: nil, isSelf: true, isPrimary: true)
        }
        return await node.read { $0.route(to: owner) }
    }
}

extension BoltAddress {
    /// A bolt of the roster; nil where its name or address is not one.
    init?(_ bolt: Principal) {
        guard let (name, partition) = bolt.boltName, let address = bolt.address else { return nil }
        self.init(name: name, partition: partition, address: address)
    }
}

extension Principal {
    /// A bolt's own name and its partition, from `name.partition`.
    var boltName: (BoltName, PartitionName)? {
        let parts = name.text.split(separator: ".")
        guard role == .bolt, parts.count == 2, let name = BoltName(parts[0]), let partition = PartitionName(parts[1])
        else { return nil }
        return (name, partition)
    }
}

/// A check-in within its limits, in the store's words.
struct CheckInBody: Sendable {
    let queue: QueueID
    let firstHeld: UInt64
    let results: [SequencedResult]
    var traits: EnvoyRecord.Traits?
    /// What the envoy remembers of its owner; nil where it does not say.
    let highest: OwnerMark?
    /// What it holds of its policy.
    let policy: HeldPolicy

    /// Judges a request. The hash of its traits is made here.
    init(_ body: CheckInRequest) throws {
        let document = Array(try APIJSON.encode(body.traits))
        guard document.count <= APILimits.traitsBytesMax else {
            throw Problem(.tooLarge, "traits have at most \(APILimits.traitsBytesMax) bytes")
        }
        try self.init(
            queue: body.queueIncarnation.bytes, firstHeld: body.firstHeld,
            results: body.results.map { SequencedResult(sequence: $0.sequence, body: $0.body.bytes) },
            traits: EnvoyRecord.Traits(digest: BLAKE2b.hash(document), document: document), highest: body.highest,
            policy: HeldPolicy(leaf: body.heldDigest, sequence: body.policySequence))
    }

    /// Judges what was read of a request; its traits were judged.
    init(
        queue: [UInt8], firstHeld: UInt64, results: [SequencedResult], traits: EnvoyRecord.Traits,
        highest: OwnerMark? = nil, policy: HeldPolicy = HeldPolicy()
    ) throws {
        guard let queue = QueueID(bytes: queue) else {
            throw Problem(.badRequest, "queue_incarnation is no queue's")
        }
        guard results.count <= APILimits.checkInResultsMax else {
            throw Problem(.tooLarge, "a check-in carries at most \(APILimits.checkInResultsMax) results")
        }
        guard (1...SequenceLimits.sequenceMax).contains(firstHeld) else {
            throw Problem(.badRequest, "first_held must be from 1 to \(SequenceLimits.sequenceMax)")
        }
        var previous: UInt64?
        for result in results {
            guard (1...SequenceLimits.sequenceMax).contains(result.sequence), result.sequence >= firstHeld,
                previous.map({ result.sequence == $0 + 1 }) ?? true
            else { throw Problem(.badRequest, "results must ascend without a gap, from first_held on") }
            guard result.body.count <= APILimits.resultBytesMax else {
                throw Problem(.tooLarge, "a result has at most \(APILimits.resultBytesMax) bytes")
            }
            previous = result.sequence
        }
        (self.queue, self.firstHeld, self.results, self.traits) = (queue, firstHeld, results, traits)
        (self.highest, self.policy) = (highest, policy)
    }
}

/// A check-in that was judged, and how it is had whole where it goes to another bolt.
struct IncomingCheckIn: Sendable {
    let checked: CheckInBody
    let whole: @Sendable () throws -> CheckInRequest
    /// Who brought it, with the chain that it showed.
    let peer: CertifiedPeer
    /// The envoy's key that it is judged by: that of the chain, or one that followed it since.
    let key: KeyFingerprint
    /// When another bolt took it that kept it; nil where it comes at once.
    var keptAt: WallTime?
}

/// What an owner said while a slice was on its way from it, and when.
private struct OwnersRefusal {
    /// Time after which it may be asked again: it may have taken the slice back.
    static let age: Duration = .milliseconds(200)

    let answer: HTTPAnswer
    let address: String
    let at = ContinuousClock.now

    /// Whether the bolt at `address` need not be asked again yet.
    func stands(at address: String) -> Bool {
        address == self.address && ContinuousClock.now - at < OwnersRefusal.age
    }
}
