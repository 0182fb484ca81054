import CRDT
import Spanner
import SpannerTestKit

/// Bytes of events as they are sent and stored.
struct SizeFigures {
    func measure(_ report: inout Report) throws {
        let roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        var author = try RosterFigures.Author(1, in: roster)
        let time = WallTime(milliseconds: 1_800_000_000_000)
        let replica = author.builder.replica
        guard case .admit(let full) = try author.admission() else { return }
        func bytes(_ payload: RosterEvent.Payload) -> Double {
            Double(EventCodec.encode(RosterEvent(dot: Dot(replica, 1_000_001), at: time, payload: payload)).count)
        }
        let admit = bytes(.admit(full))
        let attributes = 16 + full.name.text.utf8.count
        report.value("admit: dot, time, key, id, name", admit, "B")
        report.note("  of them attributes: id 16 B, name \(full.name.text.utf8.count) B")
        report.value(
            "admit without attributes", admit - Double(attributes), "B", aim: .atMost(43, "43 B + attributes"))
        report.value(
            "remove of one's own admission", bytes(.remove(targets: [Dot(replica, 1_000_000)])), "B",
            aim: .atMost(12, "12 B"))
        let other = ReplicaID(key: Bytes32(words: (5, 6, 7, 8)), incarnation: 9)
        report.value("remove of another bolt's admission", bytes(.remove(targets: [Dot(other, 1_000_000)])), "B")
        report.value("signature, once a run", 64, "B")
    }
}
