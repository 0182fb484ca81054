import CRDT
import Spanner

/// A hash over everything that happens, in order, and the last lines of it for people.
struct SimTrace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    let keepsAll: Bool
    static let linesMax = 60

    init(keepsAll: Bool) { self.keepsAll = keepsAll }

    mutating func mix(_ value: UInt64) {
        hash = (hash ^ value) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
    }

    mutating func note(_ time: UInt64, _ line: @autoclosure () -> String) {
        guard keepsAll else { return }
        lines.append("\(time / 1000) ms  \(line())")
    }

    mutating func keep(_ time: UInt64, _ line: String) {
        lines.append("\(time / 1000) ms  \(line)")
        if !keepsAll, lines.count > SimTrace.linesMax { lines.removeFirst() }
    }

    mutating func mix(_ message: GossipMessage) {
        switch message {
        case .hello(let hello):
            mix(1)
            mix(hello.replica)
        case .context(let digest, let vector):
            mix(2)
            mix(digest.words.0)
            mix(UInt64(vector?.count ?? 0))
        case .want(let ranges):
            mix(3)
            for range in ranges {
                mix(range.replica)
                mix(range.after)
            }
        case .events(let runs):
            mix(4)
            for run in runs {
                mix(run.replica)
                mix(run.first)
                mix(run.last)
            }
        case .durable(let dots):
            mix(5)
            for dot in dots {
                mix(dot.replica)
                mix(dot.counter)
            }
        case .reject(let dot, let reason):
            mix(6)
            mix(dot.replica)
            mix(UInt64(reason.rawValue))
        case .ping: mix(7)
        case .fork(let proof):
            mix(8)
            mix(proof.replica)
            mix(proof.agreedThrough)
        case .unknown(let kind): mix(kind)
        }
    }

    mutating func mix(_ replica: ReplicaID) {
        mix(replica.key.words.0)
        mix(replica.incarnation)
    }
}

extension GossipMessage {
    /// About how many bytes its frame takes.
    var simulatedBytes: Int {
        switch self {
        case .hello: 120
        case .context(_, let vector): 36 + (vector.map { $0.count * 44 } ?? 0)
        case .want(let ranges): 4 + ranges.count * 44
        case .events(let runs): 4 + runs.reduce(0) { $0 + $1.bodies.reduce(112) { $0 + $1.count + 2 } }
        case .durable(let dots): 4 + dots.count * 44
        case .reject: 46
        case .fork(let proof): 84 + (proof.first.bodies + proof.second.bodies).reduce(128) { $0 + $1.count + 2 }
        case .ping, .unknown: 2
        }
    }

    /// A few words for a trace.
    var short: String {
        switch self {
        case .hello(let hello): "hello \(hello.replica)"
        case .context(let digest, let vector):
            "context \(digest.shortHex) " + (vector.map { "\($0.entries.map(\.counter))" } ?? "=")
        case .want(let ranges): "want \(ranges.map { "\($0.replica)>\($0.after)" })"
        case .events(let runs): "events \(runs.map { "\($0.replica):\($0.first)-\($0.last)" })"
        case .durable(let dots): "durable \(dots)"
        case .reject(let dot, let reason): "reject \(dot) \(reason)"
        case .fork(let proof): "fork \(proof.replica)>\(proof.agreedThrough)"
        case .ping: "ping"
        case .unknown(let kind): "unknown \(kind)"
        }
    }
}
