import Foundation
import LoopbackKit

/// Two partitions of a primary and a standby each. All slices are at the first one, until they are moved to the other
/// and back.
final class SliceMesh {
    let mesh: RealMesh
    /// The partition that has all slices.
    private(set) var owner = 0
    /// Results that each envoy has stored.
    private(set) var stored: [(envoy: String, results: Int)] = []

    /// All slices from one partition to the other.
    struct Move {
        /// Seconds from when the task was taken until each slice is handed on, and all of it on both disks there.
        var seconds: Double
        /// The same until the former owner has removed its copies as well.
        var clearedSeconds: Double
        /// Bytes of rows that the new owner was sent.
        var bytes: Double
        /// When it was taken and over, by the clock of samples.
        var span: (from: UInt64, to: UInt64)
    }

    init(settings: BenchSettings) throws {
        mesh = try RealMesh(bolts: 2, each: 2, settings: settings)
        for partition in [0, 1] { try mesh.waitForSync(2, partition: partition) }
        _ = try apply(owner: 0, [])
        try verify()
    }

    /// Envoys with results, each in one of all slices; gives how many results there are. Each envoy stores `each` of
    /// them at a time, so often.
    func fill(envoys: Int, each: Int, times: Int, bytes: Int, _ report: inout Report) throws -> Int {
        let primary = try mesh.waitForSync(2, partition: owner)
        let size = CheckInExchange.Size(results: each, bytes: bytes)
        let fleet = try LoadFleet(LoadFleet.envoys(envoys, of: mesh, first: primary, size: size, prefix: "rows"))
        var counts = [Int](repeating: 0, count: envoys)
        for _ in 0..<times {
            try fleet.start()
            // Each ends with the write that is on its way.
            let outcome = try fleet.stop()
            outcome.tell(&report)
            for (index, told) in outcome.writers.enumerated() { counts[index] += told.samples.count * each }
        }
        guard counts.allSatisfy({ $0 >= each * times }) else { throw BenchFailure("not all results were stored") }
        stored = counts.enumerated().map { (envoy: "rows-\($0 + 1)", results: $1) }
        return counts.reduce(0, +)
    }

    /// Moves all slices to the other partition; returns when nothing of them is left where they were.
    func move(_ options: [String]) throws -> Move {
        let target = 1 - owner
        let source = try mesh.waitForSync(2, partition: owner)
        let taker = try mesh.waitForSync(2, partition: target)
        let before = try received(taker)
        let answer = try apply(owner: target, options)
        guard let task = answer["task"]["id"].text else { throw BenchFailure("no slice moves") }
        let isClear = RealMesh.wait(seconds: 60, every: 10) {
            guard let text = try? mesh.metrics(source) else { return false }
            return PlainHTTP.metric("bolt_slice_handoffs", label: "direction=\"away\"", in: text) == 0
        }
        let cleared = LoadFleet.now
        guard isClear else { throw BenchFailure("the former owner does not remove its copies") }
        let span = try span(of: task)
        owner = target
        return Move(
            seconds: Double(span.to - span.from) / 1e9,
            clearedSeconds: Double(max(cleared, span.to) - span.from) / 1e9, bytes: try received(taker) - before,
            span: span)
    }

    /// Makes the topology the one in force that gives all slices to a partition; gives what `boltctl` answers when they
    /// are there.
    private func apply(owner: Int, _ options: [String]) throws -> JSON {
        let file = mesh.scratch.file("owner-\(owner).yaml")
        let weights = [0, 1].map { $0 == owner ? 100 : 0 }
        try mesh.topology(of: mesh.members.count, weights: weights)
            .write(toFile: file, atomically: true, encoding: .utf8)
        return try mesh.control(
            ["topology", "apply", file, "--yes", "--reason", "bench", "--timeout", "90"] + options)
    }

    private func received(_ bolt: Int) throws -> Double {
        PlainHTTP.metric(
            "bolt_slice_handoff_bytes_total", label: "direction=\"here\"", in: try mesh.metrics(bolt))
    }

    /// When a task was taken and over, by the clock of samples. Its end is noted a moment after it.
    private func span(of task: String) throws -> (from: UInt64, to: UInt64) {
        let deadline = ContinuousClock.now + .seconds(15)
        while ContinuousClock.now < deadline {
            let view = try mesh.control(["rebalance", "status", task])["task"]
            let ahead = Date().timeIntervalSince1970 * 1000 - Double(LoadFleet.now) / 1e6
            if let from = view["began_at_ms"].number, let to = view["ended_at_ms"].number, from > ahead, to > from {
                guard view["progress"]["done"].number == Double(RealMesh.slices) else { break }
                return (UInt64((from - ahead) * 1e6), UInt64((to - ahead) * 1e6))
            }
            usleep(100_000)
        }
        throw BenchFailure("the task \(task) did not move all slices, or does not say when it ended")
    }

    // MARK: What is there

    /// Every slice has one owner, known to all bolts, and the envoys' results are all at it.
    func check(_ report: inout Report) throws {
        try verify()
        let primary = try mesh.waitForSync(2, partition: owner)
        let some = stride(from: 0, to: stored.count, by: max(1, stored.count / 16)).map { stored[$0] }
        let wrong = try some.filter { envoy, results in
            let answer = try mesh.control(["envoy", "show", envoy, "--bolt", mesh.members[primary].address])
            return answer["envoy"]["stored_through"].number != Double(results)
        }
        report.value(
            "of \(some.count) envoys those whose results are not all there", Double(wrong.count), "",
            aim: .atMost(0, "0"))
    }

    /// Throws where bolts do not agree about the owners in time.
    func verify() throws { _ = try mesh.control(["slice", "verify", "--timeout", "30"]) }
}

extension RealMesh {
    /// The bolts of a partition.
    private func bolts(of partition: Int) -> [Int] {
        members.indices.filter { members[$0].name.hasSuffix(".p\(partition)") }
    }

    /// Waits until one bolt of a partition reigns and has so many in sync; gives it.
    @discardableResult
    func waitForSync(_ count: Int, partition: Int, seconds: Double = 60) throws -> Int {
        var found: Int?
        _ = RealMesh.wait(seconds: seconds) {
            let reigning = bolts(of: partition).filter {
                PlainHTTP.get(members[$0].ops, "/v1/health")?.status == 200
            }
            guard reigning.count == 1, let text = try? metrics(reigning[0]),
                PlainHTTP.metric("bolt_partition_in_sync", in: text) == Double(count)
            else { return false }
            found = reigning[0]
            return true
        }
        guard let found else { throw BenchFailure("p\(partition) has not \(count) bolts in sync after \(seconds) s") }
        return found
    }
}
