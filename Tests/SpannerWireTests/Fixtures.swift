import CRDT
import Spanner

/// Frames of version 1 as they were first sent. A change here breaks links between old and new bolts.
enum Fixtures {
    private static let replica = ReplicaID(
        key: Bytes32(words: (0x0102_0304_0506_0708, 9, 10, 11)), incarnation: 0x1122_3344_5566_7788)
    private static let key =
        "0102030405060708" + "0000000000000009" + "000000000000000a" + "000000000000000b" + "1122334455667788"
    private static let zero = String(repeating: "00", count: 32)

    private static var vector: VersionVector {
        var vector = VersionVector()
        vector[replica] = 300
        return vector
    }

    private static var hello: GossipMessage.Hello {
        GossipMessage.Hello(
            versionMin: 1, versionMax: 2, mesh: MeshID(.zero), replica: replica,
            bolt: PrincipalID(high: 1, low: 2), features: 3)
    }

    private static var run: SignedRun {
        SignedRun(
            replica: replica, first: 5, bodies: [[1, 2], [3]], signature: Array(repeating: 0xAB, count: 64))
    }

    static var version1: [(String, GossipMessage)] {
        [
            ("015b0102" + zero + key + "00000000000000010000000000000002" + "03", .hello(hello)),
            ("0221" + zero + "00", .context(digest: .zero, vector: nil)),
            ("024c" + zero + "01" + "01" + key + "ac02", .context(digest: .zero, vector: vector)),
            ("032a01" + key + "07", .want([GossipMessage.WantedRange(replica: replica, after: 7)])),
            (
                "0470" + "01" + key + "05" + "02" + "020102" + "0103" + String(repeating: "ab", count: 64),
                .events([run])
            ),
            ("052a01" + key + "09", .durable([Dot(replica, 9)])),
            ("062a" + key + "0402", .reject(Dot(replica, 4), .badSignature)),
            ("0700", .ping),
        ]
    }
}
