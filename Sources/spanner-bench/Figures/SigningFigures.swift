import CRDT
import Identity
import Spanner
import SpannerTestKit

/// What one event costs in hashing and signing, by the number of events under one signature.
struct SigningFigures {
    let settings: BenchSettings
    private let bodyBytes = 100

    func measure(_ report: inout Report) throws {
        let key = SigningKey.generate()
        var numbers = Seeded(3)
        let bodies = (0..<RosterLimits.runEventsMax).map { _ in numbers.bytes(bodyBytes) }
        let repeats = 100
        let hash = Series.seconds(settings.samples) { _ in
            for body in bodies.prefix(repeats) { _ = BLAKE2b.hash(body) }
        }.each(Double(repeats))
        report.times("control: BLAKE2b-256 of \(bodyBytes) B", hash)
        let message = numbers.bytes(120)
        let signature = key.sign(message)
        let sign = Series.seconds(settings.samples) { _ in
            for _ in 0..<repeats { _ = key.sign(message) }
        }.each(Double(repeats))
        let verify = Series.seconds(settings.samples) { _ in
            for _ in 0..<repeats { _ = key.key.isValid(signature, for: message) }
        }.each(Double(repeats))
        report.times("Ed25519 signature", sign, control: ("hash", hash))
        report.times("Ed25519 verification", verify, control: ("hash", hash))
        for count in [1, 64, 1024] {
            let part = bodies.prefix(count)
            let series = Series.seconds(settings.samples) { _ in
                var head = Bytes32.zero
                for body in part { head = BLAKE2b.hash(head.bytes + body) }
                _ = key.key.isValid(signature, for: message)
            }
            report.times(
                "chain and verify an event, \(count) a run", series.each(Double(count)), control: ("hash", hash))
        }
    }
}
