import CRDT
import Spanner
import SpannerTestKit

/// The roster at size, with hashing and signatures replaced by stand-ins of next to no cost: what the roster itself
/// costs. `sign` has the real ones.
struct RosterFigures {
    let settings: BenchSettings
    /// Events of one run; a join is as many differences.
    private let differences = 1000

    /// A writer of admissions of envoys.
    struct Author {
        let identity: TestIdentity
        let builder: RunBuilder
        var head: ChainHead
        var numbers: Seeded

        init(_ number: UInt64, in roster: Roster) throws {
            guard let partition = PartitionName("p\(number)"), let name = BoltName("b\(number)") else {
                throw BenchFailure("names")
            }
            identity = TestIdentity(.bolt(partition, name), seed: number)
            let replica = identity.replica(number)
            builder = RunBuilder(
                replica: replica, mesh: roster.mesh, witness: TestWitness(), signer: identity.signer)
            head = roster.head(of: replica)
            numbers = Seeded(number)
        }

        mutating func admission() throws -> RosterEvent.Payload {
            let number = numbers.next()
            guard let name = PrincipalName("e-\(number).example") else { throw BenchFailure("name") }
            let key = Bytes32(words: (numbers.next(), number, numbers.next(), 4))
            return .admit(
                Admission(
                    role: .envoy, id: PrincipalID(high: numbers.next(), low: number), name: name,
                    tlsKey: KeyFingerprint(key)))
        }

        /// The next run, checked as one from a peer.
        mutating func run(_ payloads: [RosterEvent.Payload], for roster: Roster) throws -> CheckedRun {
            let run = try builder.build(payloads, at: WallTime(milliseconds: 1_800_000_000_000), after: head)
            let checked = try roster.check(run, after: head).get()
            head = checked.head
            return checked
        }
    }

    func measure(_ report: inout Report) throws {
        let before = Memory.residentBytes
        var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        var first = try Author(1, in: roster)
        roster.apply(try first.run([.open(chain: first.identity.chain)], for: roster))
        var applying = Series()
        for _ in 0..<max(1, settings.entries / differences) {
            let run = try first.run(try (0..<differences).map { _ in try first.admission() }, for: roster)
            applying.values += Series.seconds(1) { _ in roster.apply(run) }.values
        }
        let bytes = Double(Memory.residentBytes - before) / Double(settings.entries)
        report.times("apply of a run of \(differences), up to \(settings.entries)", applying)
        report.value("memory of an entry: key, id, name and all indexes", bytes, "B")

        var second = try Author(2, in: roster)
        roster.apply(try second.run([.open(chain: second.identity.chain)], for: roster))
        var runs: [CheckedRun] = []
        var checking = Series()
        for _ in 0..<settings.samples {
            let payloads = try (0..<differences).map { _ in try second.admission() }
            let run = try second.run(payloads, for: roster)
            checking.values += Series.seconds(1) { _ in _ = roster.check(run.run, after: run.base) }.values
            runs.append(run)
        }
        var model: [Bytes32: Int] = [:]
        model.reserveCapacity(settings.entries * 2)
        var filler = Seeded(9)
        func key() -> Bytes32 { Bytes32(words: (filler.next(), filler.next(), filler.next(), filler.next())) }
        for place in 0..<settings.entries { model[key()] = place }
        let floor = Series.seconds(settings.samples) { _ in
            for place in 0..<differences { model[key()] = place }
        }
        let join = Series.seconds(settings.samples) { roster.apply(runs[$0]) }
        report.times("control: inserts into a Dictionary of that size", floor)
        report.times("checking a run of \(differences), no cryptography", checking, control: ("inserts", floor))
        report.times(
            "join of \(differences) admissions", join, control: ("inserts", floor), aim: .atMost(0.0005, "0.5 ms"))
        let digest = Series.seconds(settings.samples) { _ in _ = roster.digest }
        report.times("digest of the whole roster", digest)
        let asked = runs.flatMap(\.events).compactMap { event -> KeyFingerprint? in
            if case .admit(let admission) = event.payload { return admission.tlsKey }
            return nil
        }
        let standing = Series.seconds(settings.samples) { _ in
            for key in asked.prefix(differences) { _ = roster.standing(of: key, as: .envoy) }
        }
        report.times("standing of one key", standing.each(Double(differences)))
    }
}

/// A benchmark that could not be set up.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
