internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

extension BoltEndpoints {
    /// What envoys, and bolts on behalf of envoys, ask for.
    func envoyRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        try await requireServing()
        switch request.endpoint {
        case .checkIn: return try await checkIn(request)
        case .peerCheckIn: return try await peerCheckIn(request)
        case .enroll: return try await enrol(request.decode(EnrolRequest.self), hops: 0, request)
        case .peerEnroll:
            let forwarded = try request.decode(PeerEnrolRequest.self)
            return try await enrol(forwarded.request, hops: forwarded.hops, request)
        case .rekey: return try await rekey(request)
        case _: throw Problem(.notFound, "no such path")
        }
    }

    /// Refuses while this bolt may not write.
    func requireServing() async throws {
        let (state, reasons) = await state()
        switch state {
        case .active: return
        case .draining: throw Problem(.draining, "this bolt is shutting down")
        case .starting, .notInitialised, .waiting, .standby, .behind, .orphaned, .maintenance, .removed, .fenced:
            throw Problem(.notReady, reasons.joined(separator: "; "))
        }
    }

    // MARK: Check-ins

    private func checkIn(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let peer = request.peer, let envoy = request.principal else {
            throw Problem(.notAuthenticated, "a check-in needs an envoy's certificate")
        }
        let body = try request.decode(CheckInRequest.self)
        let owner = await owner(of: envoy.id)
        if owner.isSelf { return try .json(try await store(body, peer: peer, envoy: envoy.id)) }
        return try await passOn(body, chain: peer.chain, to: owner, hops: 0)
    }

    /// A bolt passes on what an envoy sent to it. The envoy is judged here anew: by its chain, then by the roster.
    private func peerCheckIn(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        let body = try request.decode(PeerCheckInRequest.self)
        guard (0...APILimits.forwardHopsMax).contains(body.hops) else {
            throw Problem(.ownerUnreachable, "passed on \(body.hops) times: the bolts do not agree on the owner")
        }
        let chain = body.envoyChainDER.map(\.bytes)
        let peer: CertifiedPeer
        switch judge.judge(chain, purpose: .client, roles: [.envoy]) {
        case .success(let judged): peer = judged
        case .failure(let refusal): throw Problem(.notAuthenticated, refusal.description)
        }
        let standing = await node.read { $0.machine.roster.standing(of: peer.tlsKey, as: .envoy) }
        if case .unknown = standing {
            // The other bolt knows it: the admission is on its way here.
            throw Problem(.notReady, "the envoy's admission has not arrived at its owner yet")
        }
        if let problem = Authorisation.refusal(of: standing) { throw problem }
        guard let envoy = standing.principal else { throw Problem(.notInRoster, "the envoy is not in the roster") }
        let owner = await owner(of: envoy.id)
        guard owner.isSelf else {
            return try await passOn(body.request, chain: chain, to: owner, hops: body.hops)
        }
        return try .json(try await store(body.request, peer: peer, envoy: envoy.id))
    }

    private func passOn(
        _ body: CheckInRequest, chain: [[UInt8]], to owner: EnvoyOwner, hops: Int
    ) async throws -> HTTPAnswer {
        guard let address = owner.address, hops < APILimits.forwardHopsMax else {
            throw Problem(.ownerUnreachable, "partition \(owner.partition) has no bolt that can be asked")
        }
        let forwarded = PeerCheckInRequest(
            envoyChainDER: chain.map { Base64Bytes($0) }, request: body, hops: hops + 1)
        let answer = try await forwarder.post(
            try APIJSON.encode(forwarded), to: Endpoint.peerCheckIn.path, at: address)
        metrics.add(.checkIns, ["forwarded"])
        let type = answer.status == 200 ? "application/json" : Problem.contentType
        var result = HTTPAnswer(status: answer.status, contentType: type, body: answer.body)
        if answer.status == 503 { result.retryAfterSeconds = 2 }
        return result
    }

    /// Stores a check-in here, where its owner is; answered once it is durable.
    private func store(_ body: CheckInRequest, peer: CertifiedPeer, envoy: PrincipalID) async throws -> CheckInResponse
    {
        let checked = try CheckInBody(body)
        guard node.waitingCheckIns < configuration.pendingCheckInsMax else {
            throw Problem(.tooManyRequests, "too many check-ins wait for the disk", status: 503)
        }
        let node = node
        let outcome = await withCheckedContinuation { continuation in
            node.post(
                .checkIn(
                    PendingCheckIn(
                        tlsKey: peer.tlsKey, envoy: envoy, queue: checked.queue, firstHeld: body.firstHeld,
                        results: checked.results, traits: checked.traits, reply: continuation)))
        }
        let receipt = try outcome.get()
        let (bolts, alone) = await addresses()
        // Durable on every bolt that its partition has: with one bolt, that is this disk; with more, deletion waits for
        // a level that covers them.
        return CheckInResponse(
            storedThrough: receipt.storedThrough, releaseThrough: alone ? receipt.storedThrough : 0, level: .local,
            owner: CheckInOwner(partition: configuration.partition),
            nextIntervalSeconds: Double(configuration.checkInInterval), bolts: bolts, register: 1, epoch: 1,
            contested: receipt.isContested)
    }

    /// Where the bolts are, those of this partition first; and whether this one is its partition's only one.
    func addresses() async -> ([BoltAddress], Bool) {
        let (bolts, partition) = (await node.read { $0.bolts }, configuration.partition)
        let known = bolts.compactMap { BoltAddress($0) }
        let sorted = known.filter { $0.partition == partition } + known.filter { $0.partition != partition }
        return (sorted, bolts.count { $0.partition == partition } <= 1)
    }

    /// Which bolt serves an envoy: the partition by rendezvous hashing, its first bolt by name.
    func owner(of envoy: PrincipalID) async -> EnvoyOwner {
        let partition = configuration.partition
        let (own, bolts) = await node.read { ($0.machine.own.bolt, $0.bolts) }
        let partitions = Array(Set(bolts.compactMap(\.partition))).sorted()
        guard let name = Placement.owner(of: envoy, partitions: partitions),
            let bolt = bolts.first(where: { $0.partition == name })
        else { return EnvoyOwner(partition: partition, address: nil, isSelf: true) }
        return EnvoyOwner(partition: name, address: bolt.address, isSelf: bolt.id == own)
    }
}

/// The bolt that stores an envoy's results.
struct EnvoyOwner: Sendable {
    let partition: PartitionName
    let address: String?
    let isSelf: Bool
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
struct CheckInBody {
    let queue: QueueID
    let results: [SequencedResult]
    let traits: EnvoyRecord.Traits?

    init(_ body: CheckInRequest) throws {
        guard let queue = QueueID(bytes: body.queueIncarnation.bytes) else {
            throw Problem(.badRequest, "queue_incarnation is no queue's")
        }
        guard body.results.count <= APILimits.checkInResultsMax else {
            throw Problem(.tooLarge, "a check-in carries at most \(APILimits.checkInResultsMax) results")
        }
        guard (1...SequenceLimits.sequenceMax).contains(body.firstHeld) else {
            throw Problem(.badRequest, "first_held must be from 1 to \(SequenceLimits.sequenceMax)")
        }
        var previous: UInt64?
        for result in body.results {
            guard (1...SequenceLimits.sequenceMax).contains(result.sequence), result.sequence >= body.firstHeld,
                previous.map({ result.sequence == $0 + 1 }) ?? true
            else { throw Problem(.badRequest, "results must ascend without a gap, from first_held on") }
            guard result.body.bytes.count <= APILimits.resultBytesMax else {
                throw Problem(.tooLarge, "a result has at most \(APILimits.resultBytesMax) bytes")
            }
            previous = result.sequence
        }
        let document = Array(try APIJSON.encode(body.traits))
        guard document.count <= APILimits.traitsBytesMax else {
            throw Problem(.tooLarge, "traits have at most \(APILimits.traitsBytesMax) bytes")
        }
        self.queue = queue
        results = body.results.map { SequencedResult(sequence: $0.sequence, body: $0.body.bytes) }
        traits = EnvoyRecord.Traits(digest: BLAKE2b.hash(document), document: document)
    }
}
