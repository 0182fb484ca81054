import CRDT
import Foundation
import Spanner
import SpannerTestKit
import SpannerWire

/// Writes one frame of each kind, and some of them in a row.
@main
struct GenerateCorpus {
    static func main() throws {
        let folder = URL(fileURLWithPath: CommandLine.arguments[1])
        let bolt = TestIdentity(.bolt(PartitionName(checked: "p1"), BoltName(checked: "b1")), seed: 1)
        let replica = bolt.replica(9)
        let builder = RunBuilder(
            replica: replica, mesh: TestIdentity.mesh, witness: TestWitness(), signer: bolt.signer)
        let roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness())
        let run = try builder.build(
            [.open(chain: bolt.chain), .unknown(kind: 99, content: [1, 2, 3])], at: WallTime(milliseconds: 5),
            after: roster.head(of: replica))
        let story = ForkProof.Story(bodies: [Array(run.bodies[1])], signature: run.signature)
        let fork = ForkProof(
            replica: replica, agreedThrough: 1, base: roster.digest, story,
            ForkProof.Story(bodies: [[1, 2, 3]], signature: run.signature))
        var vector = VersionVector()
        vector[replica] = 2
        let hello = GossipMessage.Hello(
            versionMin: 1, versionMax: 1, mesh: TestIdentity.mesh, replica: replica,
            bolt: PrincipalID(high: 1, low: 1), features: 0)
        let messages: [(String, GossipMessage)] = [
            ("hello", .hello(hello)), ("context-digest", .context(digest: roster.digest, vector: nil)),
            ("context", .context(digest: roster.digest, vector: vector)),
            ("want", .want([GossipMessage.WantedRange(replica: replica, after: 1)])), ("events", .events([run])),
            ("durable", .durable([Dot(replica, 2)])), ("reject", .reject(Dot(replica, 1), .badSignature)),
            ("fork", .fork(fork)), ("ping", .ping), ("unknown", .unknown(kind: 77)),
        ]
        var all: [UInt8] = []
        for (name, message) in messages {
            let bytes = frame(message)
            all += bytes
            try Data(bytes).write(to: folder.appendingPathComponent(name))
        }
        try Data(all).write(to: folder.appendingPathComponent("all"))
    }

    static func frame(_ message: GossipMessage) -> [UInt8] {
        let body = MessageCodec.body(of: message)
        var encoder = CanonicalEncoder()
        encoder.integer(MessageCodec.kind(of: message))
        encoder.string(body)
        return encoder.bytes
    }
}
