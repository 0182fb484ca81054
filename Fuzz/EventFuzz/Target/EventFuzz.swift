import CRDT
import Spanner
import SpannerTestKit
import SpannerWire

/// The first byte says what the rest is: an event's body, an act, or a run as it travels.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEvents(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let door = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch door % 4 {
    case 0: readEvent(rest)
    case 1: readAct(rest)
    case 2: readRun(rest)
    default: readSigned(rest)
    }
    return 0
}

private let bolt = TestIdentity(.bolt(PartitionName(checked: "p1"), BoltName(checked: "b1")), seed: 1)
private let replica = bolt.replica(9)
private let empty = Roster(mesh: TestIdentity.mesh, witness: TestWitness())

/// A body is read, or refused; what is read has one form only.
private func readEvent(_ body: [UInt8]) {
    for counter in [1, 2, Dot.counterMax] {
        let dot = Dot(replica, counter)
        guard let event = try? EventCodec.decode(body, at: dot) else { continue }
        precondition(EventCodec.encode(event) == body, "one event, two forms")
    }
}

private func readAct(_ content: [UInt8]) {
    guard let act = try? ActCodec.decode(content) else { return }
    precondition(ActCodec.encode(act) == content, "one act, two forms")
}

/// A run of a stranger never gets in unsigned: a change of any byte of a good one is refused (R5).
private func readRun(_ bytes: [UInt8]) {
    var decoder = CanonicalDecoder(bytes)
    guard let run = try? MessageCodec.decodeRun(&decoder) else { return }
    guard case .success(let checked) = empty.check(run) else { return }
    var roster = empty
    roster.apply(checked)
    precondition(roster.check(run).isDuplicate, "what is held is no duplicate")
}

/// A body behind a genuine opening, genuinely signed: whatever its author meant, it is taken or refused, never fatal.
private func readSigned(_ body: [UInt8]) {
    let chain = EventChain(mesh: TestIdentity.mesh, witness: TestWitness())
    let open = EventCodec.encode(
        RosterEvent(dot: Dot(replica, 1), at: WallTime(milliseconds: 1), payload: .open(chain: bolt.chain)))
    let bodies = [open, body]
    let head = chain.head(after: chain.genesis(replica), bodies)
    let signature = bolt.signer.sign(EventChain.message(replica: replica, last: 2, head: head))
    let run = SignedRun(replica: replica, first: 1, bodies: bodies, signature: signature)
    guard case .success(let checked) = empty.check(run) else { return }
    var roster = empty
    roster.apply(checked)
    for role in PrincipalRole.allCases {
        for principal in roster.principals(role: role) { _ = roster.standing(of: principal.tlsKey) }
    }
    _ = (roster.digest, roster.conflicts, roster.tokens, roster.bans)
}

extension Result where Success == CheckedRun, Failure == RunRejection {
    fileprivate var isDuplicate: Bool {
        if case .failure(.duplicate) = self { return true }
        return false
    }
}
