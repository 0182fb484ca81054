/// P1: once a higher epoch has paired something, no lower one does. Judged over all writers of a partition, by the one
/// clock of the run. Registers say nothing here: each slice has its own, and the epoch is its owner's.
enum PairedRule {
    static func check(_ history: MeshHistory) -> [Violation] {
        var acks: [String: [Ack]] = [:]
        for writer in history.writers {
            for (number, call) in writer.calls.enumerated() {
                guard let answer = call.answer, answer.isPaired else { continue }
                acks[answer.partition, default: []].append(
                    Ack(writer: writer.name, number: number, call: call, mark: answer.mark))
            }
        }
        return acks.keys.sorted().flatMap { check(acks[$0] ?? [], $0) }
    }

    private struct Ack {
        let writer: String
        let number: Int
        let call: ClientCall
        let mark: Mark
    }

    private static func check(_ acks: [Ack], _ partition: String) -> [Violation] {
        let ended = acks.sorted { $0.call.end < $1.call.end }
        var found: [Violation] = []
        var highest: Ack?
        var next = 0
        for ack in acks.sorted(by: { $0.call.begin < $1.call.begin }) {
            while next < ended.count, ended[next].call.end < ack.call.begin {
                if ended[next].mark.epoch > highest?.mark.epoch ?? 0 { highest = ended[next] }
                next += 1
            }
            guard let other = highest, ack.mark.epoch < other.mark.epoch else { continue }
            found.append(
                Violation(
                    .twoPrimaries, partition,
                    "call \(ack.number) of \(ack.writer) was paired at epoch \(ack.mark.epoch) by \(ack.call.bolt) "
                        + "after call \(other.number) of \(other.writer) had been at epoch \(other.mark.epoch) by "
                        + "\(other.call.bolt)"))
        }
        return found
    }
}
