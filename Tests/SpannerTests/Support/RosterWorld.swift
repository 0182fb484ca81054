import CRDT
import Spanner
import SpannerTestKit
import Testing

/// A bolt of a test: its identity, its own roster and the runs that it wrote.
struct WorldBolt {
    let identity: TestIdentity
    let replica: ReplicaID
    var roster: Roster
    var runs: [SignedRun] = []
}

/// Some bolts that write events into their own histories and hear of each other's as a test wills.
struct RosterWorld {
    var bolts: [WorldBolt] = []
    let operators = [named("ada", seed: 1), named("bob", seed: 2)]
    var nonce: UInt64 = 0

    static let witness = TestWitness()
    static let time = WallTime(milliseconds: 1_790_000_000_000)

    /// The first bolt is the root's history when `root` is set.
    init(bolts count: Int, root: Bool = false, mutation: RosterMutation? = nil) {
        for place in 0..<count {
            let identity = place == 0 && root ? TestIdentity.root : RosterWorld.bolt(place)
            let replica = identity.replica(place == 0 && root ? 0 : UInt64(place) + 1)
            let roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness, mutation: mutation)
            bolts.append(WorldBolt(identity: identity, replica: replica, roster: roster))
            write(place, .open(chain: identity.chain))
        }
    }

    static func bolt(_ number: Int) -> TestIdentity {
        TestIdentity(.bolt(PartitionName(checked: "p\(number)"), BoltName(checked: "b\(number)")), seed: UInt64(number))
    }

    static func named(_ name: String, seed: UInt64) -> TestIdentity {
        TestIdentity(.operator(OperatorName(checked: name)), seed: seed)
    }

    /// Writes one run with these payloads and applies it where it was written.
    @discardableResult
    mutating func write(_ place: Int, _ payloads: RosterEvent.Payload...) -> Dot {
        write(place, payloads)
    }

    @discardableResult
    mutating func write(_ place: Int, _ payloads: [RosterEvent.Payload]) -> Dot {
        let bolt = bolts[place]
        let builder = RunBuilder(
            replica: bolt.replica, mesh: TestIdentity.mesh, witness: RosterWorld.witness, signer: bolt.identity.signer)
        do {
            let head = bolt.roster.head(of: bolt.replica)
            let run = try builder.build(payloads, at: RosterWorld.time, after: head)
            bolts[place].runs.append(run)
            RosterWorld.take(run, into: &bolts[place].roster)
            return Dot(bolt.replica, run.last)
        } catch {
            Issue.record("a payload of the test's own was refused: \(error)")
            return Dot(bolt.replica, 1)
        }
    }

    /// An act of an operator, carried by a bolt.
    @discardableResult
    mutating func act(_ operation: OperatorAct.Operation, by signer: TestIdentity, at place: Int) -> Dot {
        nonce += 1
        return write(place, .act(signer.act(operation, nonce: nonce)))
    }

    /// `to` hears all that `from` wrote, up to `count` runs.
    mutating func hear(_ to: Int, from: Int, runs count: Int = .max) {
        for run in bolts[from].runs.prefix(count) { RosterWorld.take(run, into: &bolts[to].roster) }
    }

    mutating func hearAll() {
        for to in bolts.indices {
            for from in bolts.indices where from != to { hear(to, from: from) }
        }
    }

    /// Applies a run that must be valid or held.
    static func take(_ run: SignedRun, into roster: inout Roster) {
        switch roster.check(run) {
        case .success(let checked): roster.apply(checked)
        case .failure(.duplicate): break
        case .failure(let rejection): Issue.record("refused: \(rejection)")
        }
    }

    /// A roster that holds all runs, in an order in which each history keeps its own.
    func merged(_ random: inout Seeded, mutation: RosterMutation? = nil) -> Roster {
        var roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness, mutation: mutation)
        var next = bolts.map { _ in 0 }
        while true {
            let open = bolts.indices.filter { next[$0] < bolts[$0].runs.count }
            guard !open.isEmpty else { return roster }
            let place = random.pick(open)
            // Sometimes several at once under one signature, sometimes one twice.
            var run = bolts[place].runs[next[place]]
            next[place] += 1
            while random.chance(30), next[place] < bolts[place].runs.count,
                let joined = run.joined(with: bolts[place].runs[next[place]])
            {
                run = joined
                next[place] += 1
            }
            RosterWorld.take(run, into: &roster)
            if random.chance(10) { RosterWorld.take(run, into: &roster) }
        }
    }

    /// All events with their authors, for the oracle.
    var events: [(event: RosterEvent, author: Author)] {
        bolts.flatMap { bolt in
            bolt.runs.flatMap { run in
                run.bodies.enumerated().compactMap { offset, body in
                    let dot = Dot(run.replica, run.first + UInt64(offset))
                    return (try? EventCodec.decode(body, at: dot)).map { ($0, bolt.identity.author) }
                }
            }
        }
    }
}

/// A key from a number.
func key(_ number: Int) -> KeyFingerprint {
    KeyFingerprint(TestWitness.digest(Array("key \(number)".utf8)))
}

/// An id from a number.
func id(_ number: Int) -> PrincipalID { PrincipalID(high: 7, low: UInt64(number)) }

/// An envoy's admission.
func envoy(_ number: Int, name: String? = nil, key fingerprint: KeyFingerprint? = nil) -> Admission {
    let name = PrincipalName(name ?? "envoy-\(number)")
    var admission = Admission(
        role: .envoy, id: id(number), name: name ?? PrincipalName.any, tlsKey: fingerprint ?? key(number))
    admission.sealingKey = key(1000 + number).bytes
    return admission
}

extension PrincipalName {
    static var any: PrincipalName {
        guard let name = PrincipalName("any") else { preconditionFailure("a name of the test's own") }
        return name
    }
}

/// The admission of a bolt or operator of the test by an act.
func member(_ identity: TestIdentity, _ number: Int, observes: [Dot] = []) -> Admission {
    let (role, name): (PrincipalRole, String)
    var partition: PartitionName?
    switch identity.author.standing {
    case .bolt(let home, let bolt): (role, name, partition) = (.bolt, "\(bolt).\(home)", home)
    case .operator(let text): (role, name) = (.operator, text.text)
    case .root: (role, name) = (.operator, "root")
    }
    var admission = Admission(
        role: role, id: id(100 + number), name: PrincipalName(name) ?? .any, tlsKey: identity.author.tlsKey)
    admission.signingKey = identity.author.signingKey
    admission.partition = partition
    admission.observes = observes
    return admission
}
