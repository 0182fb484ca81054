/// How fast results go from one partition to the other, in slices, beside a Redis Cluster of the same shape that moves
/// as many keys of the same size in slots. Nobody else asks anything of either meanwhile.
struct RebalanceFigures {
    let settings: BenchSettings
    private let rows = (envoys: 256, each: 100, times: 4, bytes: 200)
    /// Keys at a time with which the peer's tool does well: a slot's. By itself it takes 10.
    private let tuned = 100

    /// What a peer took, with its tool as it comes and with more keys at a time.
    private struct Peer {
        var durability: RedisCluster.Durability
        var plainSeconds: Double
        var tunedSeconds: Double
    }

    func measure(_ report: inout Report) throws {
        let tools = RedisCluster.Tools()
        let slices = try SliceMesh(settings: settings)
        let records = try slices.fill(
            envoys: rows.envoys, each: rows.each, times: rows.times, bytes: rows.bytes, &report)
        let floor = try StoreFigures(settings: settings).flush(in: slices.mesh.scratch)
        let options = ["--slices-in-flight", "\(RealMesh.slices)"]
        var moves = [try slices.move(options)]
        var peers: [Peer] = []
        for durability in RedisCluster.Durability.allCases {
            if let tools {
                peers.append(try peer(durability, tools, slices.mesh.scratch, records))
            }
            moves.append(try slices.move(options))
        }
        report.times("control: write and fdatasync, 100 B", floor)
        report.note("\(RealMesh.slices) slices of \(rows.envoys) envoys with \(records) results of \(rows.bytes) B")
        let ours = tell(moves, records, &report)
        if let tools { report.note("peer: Redis \(tools.version), redis-cli --cluster reshard") }
        for peer in peers { tell(peer, records, ours, &report) }
        if tools == nil { report.note("SKIPPED the peer: needs redis-server and redis-cli, 7 or newer") }
        try slices.check(&report)
    }

    private func peer(
        _ durability: RedisCluster.Durability, _ tools: RedisCluster.Tools, _ scratch: ScratchDirectory, _ keys: Int
    ) throws -> Peer {
        let cluster = try RedisCluster(durability, tools: tools, scratch: scratch)
        try cluster.fill(keys: keys, bytes: rows.bytes)
        let plain = try cluster.move(pipeline: nil)
        return Peer(durability: durability, plainSeconds: plain, tunedSeconds: try cluster.move(pipeline: tuned))
    }

    /// Gives results a second.
    private func tell(_ moves: [SliceMesh.Move], _ records: Int, _ report: inout Report) -> Double {
        let count = Double(records)
        let seconds = Series(values: moves.map(\.seconds))
        report.times("bolt: until all slices are handed on", seconds)
        report.value("  results", count / seconds.median, "a second")
        report.value("  their own bytes", count * Double(rows.bytes) / seconds.median / 1e6, "MB a second")
        let bytes = Series(values: moves.map { $0.bytes / $0.seconds / 1e6 })
        report.value("  bytes of rows that came in", bytes.median, "MB a second")
        report.times("  until the former owner has nothing left", Series(values: moves.map(\.clearedSeconds)))
        return count / seconds.median
    }

    private func tell(_ peer: Peer, _ records: Int, _ ours: Double, _ report: inout Report) {
        let count = Double(records)
        let aim = peer.durability == .memory ? 2.0 : 5.0
        let name = "Redis Cluster, \(peer.durability.rawValue)"
        report.value(name, count / peer.plainSeconds, "keys a second")
        report.value(
            "  ratio", ours * peer.plainSeconds / count, "× \(name)", aim: .atLeast(aim, "\(Int(aim))"))
        report.value("  with \(tuned) keys at a time", count / peer.tunedSeconds, "keys a second")
        report.value("  ratio", ours * peer.tunedSeconds / count, "× that")
        let bytes = count * Double(rows.bytes + RedisCluster.keyBytes)
        report.value("  keys and values", bytes / peer.plainSeconds / 1e6, "MB a second")
    }
}
