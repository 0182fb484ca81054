import CRDT
import Spanner
import SpannerWire

/// Messages about slices, of every kind.
extension WireSamples {
    private static let (north, south) = (PartitionName("north"), PartitionName("south"))

    mutating func slices() -> [PeerMessage] {
        guard let north = WireSamples.north, let south = WireSamples.south else { return [] }
        let group = GroupID(fixed())
        let register = SliceRegister(
            slice: SliceID(group: group, index: 7), owner: north, position: 3, hash: fixed())
        let id = HandoffID(fixed())
        let seal = SliceSeal(point: point(), digest: fixed())
        guard let order = HandoffOrder(id: id, register: register, to: south),
            let transition = SliceTransition(ending: register, to: south, cause: .handOn(seal: seal))
        else { return [] }
        let signed = SignedTransition(
            transition, warrant: SliceWarrant(chain: [bytes(30), bytes(20)]), signature: bytes(64))
        let (first, last) = (point(), point())
        let after = LogPoint(epoch: first.epoch, position: 4, hash: first.hash)
        let through = LogPoint(epoch: last.epoch, position: 9, hash: last.hash)
        let bodies: [HandoffMessage.Body] = [
            .offer(order, probe: 5),
            .piece(HandoffPiece(place: .snapshot(of: first, number: 2, isLast: true), content: bytes(50))),
            .piece(HandoffPiece(place: .tail(after: after, through: through), content: [])),
            .rewind(to: nil), .rewind(to: last), .seal(seal), .handOn(signed), .cancelled,
        ]
        let replies: [HandoffReply.Body] = [
            .refused(["no room", "sealed"]), .progress(HandoffProgress(), credit: 4, probe: 9), .held(seal),
            .mismatch(seal), .adopted(fixed()), .dropped,
        ]
        let other = GroupID(fixed())
        let census = SliceCensus(
            entries: [
                .init(slice: SliceID(group: group, index: 1), envoys: 4, bytes: 1 << 20, destination: nil),
                .init(slice: SliceID(group: group, index: 300), envoys: 0, destination: south),
                .init(slice: SliceID(group: other, index: 0), envoys: 1 << 40, destination: nil),
            ], tasks: [bytes(9), []], version: 3, room: 1 << 33, secrets: ["web/db", "rest/key.pem", "web/api"])
        let epoch = epoch()
        let mark = SliceRemains.Mark(slice: register.slice, envoy: PrincipalID(high: 4, low: 5), part: 3)
        return bodies.map { .handoff(HandoffMessage(id: id, epoch: epoch, body: $0)) }
            + replies.map { .handoffReply(HandoffReply(id: id, body: $0)) } + [
                .sliceOrder(.begin(order)), .sliceOrder(.cancel(order)), .sliceOrder(.pause(order, true)),
                .sliceOrder(.throttle(HandoffBudget.Limits(slices: 3, bytesPerSecond: 9, addedMilliseconds: nil))),
                .sliceReport(.progress(id, bytes: 99, hindrance: "slow")),
                .sliceReport(.progress(id, bytes: 0, hindrance: nil)),
                .sliceReport(.cancelled(id, reason: "so")), .sliceCensus(census),
                .sliceCensus(SliceCensus(entries: [])),
                .sliceRemains(SliceRemains(mark: mark, content: bytes(70))),
                .sliceRemainsTaken(mark, .done), .sliceRemainsTaken(mark, .refused),
            ]
    }
}
