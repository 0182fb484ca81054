public import CRDT

/// Turns payloads into the next run of the own replica. Signs once, whatever the number of payloads.
public struct RunBuilder: Sendable {
    /// The own replica.
    public let replica: ReplicaID
    private let chain: EventChain
    private let signer: any RunSigner

    /// A writer of `replica`, whose key is `signer`'s.
    public init(replica: ReplicaID, mesh: MeshID, witness: any Witness, signer: any RunSigner) {
        self.replica = replica
        self.signer = signer
        chain = EventChain(mesh: mesh, witness: witness)
    }

    /// The run that follows `head` with these payloads, in order.
    ///
    /// Throws `RosterDraftError` with code `empty`, `run_too_large` or `event_invalid` where a limit of `RosterLimits`
    /// is broken; nothing is signed then.
    public func build(
        _ payloads: [RosterEvent.Payload], at: WallTime, after head: ChainHead
    ) throws(RosterDraftError) -> SignedRun {
        guard !payloads.isEmpty else { throw RosterDraftError(.empty, "a run needs at least one event") }
        guard payloads.count <= RosterLimits.runEventsMax else {
            throw RosterDraftError(.runTooLarge, "\(payloads.count) events, at most \(RosterLimits.runEventsMax)")
        }
        guard head.counter <= Dot.counterMax - UInt64(payloads.count) else {
            throw RosterDraftError(.runTooLarge, "the replica's counters are used up")
        }
        var bodies: [[UInt8]] = []
        bodies.reserveCapacity(payloads.count)
        var bytes = 0
        var counter = head.counter
        for payload in payloads {
            counter += 1
            let dot = Dot(replica, counter)
            let body = EventCodec.encode(RosterEvent(dot: dot, at: at, payload: payload))
            do throws(DecodingFailure) {
                _ = try EventCodec.decode(body, at: dot)
            } catch {
                throw RosterDraftError(.eventInvalid, "the event would be refused: \(error)")
            }
            bytes += body.count
            bodies.append(body)
        }
        guard bytes <= RosterLimits.runBytesMax else {
            throw RosterDraftError(.runTooLarge, "\(bytes) bytes, at most \(RosterLimits.runBytesMax)")
        }
        let last = chain.head(after: head.hash, bodies)
        let signature = signer.sign(EventChain.message(replica: replica, last: counter, head: last))
        return SignedRun(replica: replica, first: head.counter + 1, bodies: bodies, signature: signature)
    }
}

extension SignedRun {
    /// This run and the one that follows it as one, under the later signature, which vouches for both: what a history
    /// is sent as when it is long. Nil where `next` doesn't follow, or where the result would be over a limit.
    public func joined(with next: SignedRun) -> SignedRun? {
        guard next.replica == replica, !bodies.isEmpty, next.first == last &+ 1 else { return nil }
        guard bodies.count + next.bodies.count <= RosterLimits.runEventsMax else { return nil }
        let bytes = bodies.reduce(0) { $0 + $1.count } + next.bodies.reduce(0) { $0 + $1.count }
        guard bytes <= RosterLimits.runBytesMax else { return nil }
        return SignedRun(
            replica: replica, first: first, bodies: bodies + next.bodies, signature: next.signature)
    }
}
