import CRDT
import Foundation
import Spanner
import SpannerTestKit
import SpannerWire

/// Writes one event of each kind behind each door.
@main
struct GenerateCorpus {
    static let bolt = TestIdentity(.bolt(PartitionName(checked: "p1"), BoltName(checked: "b1")), seed: 1)

    static func main() throws {
        let folder = URL(fileURLWithPath: CommandLine.arguments[1])
        let replica = bolt.replica(9)
        for (name, payload) in payloads(replica) {
            let event = RosterEvent(dot: Dot(replica, 2), at: WallTime(milliseconds: 5), payload: payload)
            let body = EventCodec.encode(event)
            try Data([0] + body).write(to: folder.appendingPathComponent("event-\(name)"))
            try Data([3] + body).write(to: folder.appendingPathComponent("signed-\(name)"))
            if case .act(let act) = payload {
                try Data([1] + act.content).write(to: folder.appendingPathComponent("act-\(name)"))
            }
        }
        let roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        let builder = RunBuilder(
            replica: replica, mesh: TestIdentity.mesh, witness: TestWitness(), signer: bolt.signer)
        let run = try builder.build(
            [.open(chain: bolt.chain), .unknown(kind: 99, content: [1, 2, 3])], at: WallTime(milliseconds: 5),
            after: roster.head(of: replica))
        var encoder = CanonicalEncoder()
        MessageCodec.encode(run, to: &encoder)
        try Data([2] + encoder.bytes).write(to: folder.appendingPathComponent("run"))
    }

    static func payloads(_ replica: ReplicaID) -> [(String, RosterEvent.Payload)] {
        let id = PrincipalID(high: 3, low: 7)
        let key = KeyFingerprint(TestWitness.digest([7]))
        var envoy = Admission(role: .envoy, id: id, name: name("host-7"), tlsKey: key)
        envoy.sealingKey = TestWitness.digest([8])
        envoy.partition = PartitionName(checked: "p1")
        envoy.group = GroupName(checked: "all")
        envoy.labels = [Label(key: "rack", value: "4")]
        envoy.observes = [Dot(replica, 1)]
        var amendment = Amendment(base: Dot(replica, 1))
        amendment.labels = [Label(key: "rack", value: "5")]
        let next = KeyFingerprint(TestWitness.digest([9]))
        amendment.rekey = TestWitness.rekey(id, from: key, to: next)
        let token = JoinTokenRecord(
            id: TokenID(id), secretHash: TestWitness.digest([5]), kind: .multiUse(uses: 3),
            expires: WallTime(milliseconds: 9), group: nil, labels: [])
        var vector = VersionVector()
        vector[replica] = 4
        let cut = OperatorAct.Cut(seen: vector)
        let root = TestIdentity.root
        var member = Admission(role: .bolt, id: id, name: name("b2.p2"), tlsKey: next)
        member.signingKey = bolt.author.signingKey
        member.partition = PartitionName(checked: "p2")
        member.address = "b2:7440"
        let acts: [(String, OperatorAct.Operation)] = [
            ("act-admit", .admit(member)),
            ("act-remove", .remove(principal: id, targets: [Dot(replica, 1)], cut: cut)),
            ("act-ban", .ban(keys: [key], principal: id, cut: cut)),
            ("act-resolve", .resolve(role: .envoy, name: name("host-7"), keep: key, targets: [Dot(replica, 1)])),
            ("act-revoke", .revokeToken(TokenID(id))),
        ]
        return [
            ("open", .open(chain: bolt.chain)), ("admit", .admit(envoy)), ("amend", .amend(amendment)),
            ("remove", .remove(targets: [Dot(replica, 1)])), ("token", .token(token)),
            ("unknown", .unknown(kind: 99, content: [1, 2])),
        ] + acts.map { ($0, .act(root.act($1, nonce: 1))) }
    }

    static func name(_ text: String) -> PrincipalName {
        guard let name = PrincipalName(text) else { preconditionFailure("\(text) is no name") }
        return name
    }
}
