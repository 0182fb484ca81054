/// P5, P6: what one writer is told, answer by answer. Its calls follow each other, so they have one order.
enum AnswerRule {
    static func check(_ writer: WriterHistory, reigns: Reigns) -> [Violation] {
        var rule = Walk(writer: writer, reigns: reigns)
        for (number, call) in writer.calls.enumerated() { rule.take(call, number) }
        return rule.finish()
    }

    /// The calls seen so far.
    private struct Walk {
        let writer: WriterHistory
        let reigns: Reigns
        var found: [Violation] = []
        /// Highest sequence that ever left, whatever came of it.
        var sent: UInt64 = 0
        var highest: Mark?
        /// The last answer under each mark.
        var last: [Mark: Answer] = [:]
        /// What was promised never to be lost, under each mark.
        var safe: [Mark: UInt64] = [:]
        /// What answers of the present owner let the writer delete.
        var released: UInt64 = 0

        mutating func take(_ call: ClientCall, _ number: Int) {
            sent = max(sent, call.sent?.upperBound ?? 0)
            guard let answer = call.answer else { return }
            if answer.storedThrough > sent {
                report(.acknowledgedTooMuch, number, "stored through \(answer.storedThrough), sent only \(sent)")
            }
            if answer.releaseThrough > answer.storedThrough {
                report(
                    .acknowledgedTooMuch, number,
                    "may delete through \(answer.releaseThrough), stored only \(answer.storedThrough)")
            }
            // Kept by a sibling while the owner is away: a second copy, which says nothing of what the owner holds.
            guard answer.mark.epoch > 0 else {
                if answer.releaseThrough > 0 {
                    report(.acknowledgedTooMuch, number, "may delete what only a sibling keeps")
                }
                return
            }
            compare(answer, number)
            last[answer.mark] = answer
            safe[answer.mark] = max(safe[answer.mark] ?? 0, answer.safeThrough)
            guard answer.mark >= highest ?? answer.mark else { return }
            highest = answer.mark
            released = max(released, answer.releaseThrough)
        }

        /// Against what was told before. A lower mark than before may know less: it is the other side of a split.
        private mutating func compare(_ answer: Answer, _ number: Int) {
            let (partition, epoch) = (answer.partition, answer.mark.epoch)
            let promised = safe.filter { $0.key <= answer.mark }.values.max() ?? 0
            if answer.storedThrough < promised {
                report(
                    .wentBack, number,
                    "stored through \(answer.storedThrough) at epoch \(epoch), though \(promised) was promised")
            }
            guard let before = last[answer.mark] else { return }
            if answer.storedThrough < before.storedThrough, !reigns.isShared(partition, epoch) {
                report(
                    .wentBack, number,
                    "stored through \(answer.storedThrough) after \(before.storedThrough), both at epoch \(epoch)")
            }
            // A primary that starts again knows what is safe only once its standbys told it. Where it meets a later
            // epoch instead, what it wrote alone is cut off, the mark of its start with it: nothing but its answers
            // is left of that, and those release nothing.
            let releasesNothing = answer.releaseThrough == 0 && !answer.isPaired
            if answer.releaseThrough < before.releaseThrough, !releasesNothing,
                !reigns.isTakenUpAgain(partition, epoch)
            {
                report(
                    .wentBack, number,
                    "may delete through \(answer.releaseThrough) after \(before.releaseThrough), both at epoch "
                        + "\(epoch)")
            }
        }

        mutating func finish() -> [Violation] {
            if writer.releasedThrough > released {
                found.append(
                    Violation(
                        .deletedTooMuch, writer.name,
                        "deleted through \(writer.releasedThrough), the owner's answers allow \(released)"))
            }
            return found
        }

        private mutating func report(_ kind: Violation.Kind, _ number: Int, _ what: String) {
            found.append(Violation(kind, writer.name, "call \(number): \(what)"))
        }
    }
}
