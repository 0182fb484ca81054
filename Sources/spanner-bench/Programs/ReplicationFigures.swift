import Foundation
import LoopbackKit

/// Results of 256 bytes, acknowledged once they are on the disks of a primary and its standby, beside puts of as many
/// bytes into an etcd of three members. All speak mutual TLS; the writers of both are one program on one thread, each
/// with one write on its way over a connection that stays: HTTP/1.1 to the bolt, gRPC to etcd's leader.
struct ReplicationFigures {
    let settings: BenchSettings
    private let rounds = 3
    private let writers = 64

    private struct Round {
        var outcome: LoadOutcome
        var processorSeconds: Double
        /// Of whoever decides.
        var flushes: Double
        var peerBytes: Double
    }

    func measure(_ report: inout Report) throws {
        guard let tools = EtcdCluster.Tools() else {
            report.note("SKIPPED: needs etcd (etcd-server), openssl and curl")
            return
        }
        let mesh = try RealMesh(bolts: 1, each: 2, settings: settings)
        let primary = try mesh.waitForSync(2)
        let etcd = try EtcdCluster(3, tools: tools, scratch: mesh.scratch)
        let ours = try LoadFleet(LoadFleet.envoys(writers, of: mesh, first: primary))
        guard let leader = etcd.leader() else { throw BenchFailure("etcd has no leader") }
        let context = try etcd.context()
        let target = LoadWriter.Target(ports: [etcd.ports[leader]], context: context)
        let theirs = try LoadFleet(
            (0..<writers).map { (exchange: EtcdPutExchange(key: "bench/\($0)", seed: UInt64($0)), target: target) })
        let floor = try StoreFigures(settings: settings).flush(in: mesh.scratch)
        report.times("control: write and fdatasync, 100 B", floor)

        for (count, aim) in [(1, 1.5), (writers, 2.0)] {
            _ = try theirs.run(count, seconds: 0.5)
            _ = try ours.run(count, seconds: 0.5)
            var (put, stored): ([Round], [Round]) = ([], [])
            for _ in 0..<rounds {
                put.append(try round(of: etcd, leader, theirs, count))
                stored.append(try round(of: mesh, primary, ours, count))
            }
            tell("etcd, \(count) \(count == 1 ? "writer" : "writers")", put, &report)
            tell("bolt, \(count) \(count == 1 ? "writer" : "writers")", stored, &report)
            let ratio = median(stored) { $0.outcome.rate } / median(put) { $0.outcome.rate }
            report.value("  ratio of rates", ratio, "× etcd", aim: .atLeast(aim, "\(aim)"))
            let unpaired = stored.reduce(0) { $0 + $1.outcome.unpaired }
            report.value("  answers not paired", Double(unpaired), "", aim: .atMost(0, "0"))
            guard count == writers else { continue }
            report.value(
                "  bolt: results a flush", median(stored) { Double($0.outcome.stored) / $0.flushes }, "",
                aim: .atLeast(16, "16"))
            report.value(
                "  etcd: puts a flush of its leader", median(put) { Double($0.outcome.stored) / $0.flushes }, "")
            report.value(
                "  bolt: peer bytes a write, frames without TLS",
                median(stored) { $0.peerBytes / Double($0.outcome.stored) }, "B", aim: .atMost(450, "450"))
            report.value(
                "  etcd: peer bytes a write, all members", median(put) { $0.peerBytes / Double($0.outcome.stored) }, "B"
            )
        }
        try check(mesh, primary, &report)
    }

    private func median(_ rounds: [Round], _ figure: (Round) -> Double) -> Double {
        Series(values: rounds.map(figure)).median
    }

    private func tell(_ name: String, _ rounds: [Round], _ report: inout Report) {
        report.value(name, median(rounds) { $0.outcome.rate }, "writes a second")
        report.times("  wait of a write, median", Series(values: rounds.map { $0.outcome.waits.median }))
        report.times("  wait of a write, quantile 0.99", Series(values: rounds.map { $0.outcome.waits.quantile(0.99) }))
        report.value(
            "  processor time of the servers a write",
            median(rounds) { $0.processorSeconds / Double($0.outcome.stored) * 1e6 }, "µs")
        for round in rounds { round.outcome.tell(&report) }
    }

    private func used(_ pids: [Int]) -> Double { pids.reduce(0) { $0 + Program.processorSeconds($1) } }

    private func round(of etcd: EtcdCluster, _ leader: Int, _ fleet: LoadFleet, _ count: Int) throws -> Round {
        func counters() -> (Double, Double) {
            (
                etcd.counter("etcd_disk_wal_fsync_duration_seconds_count", of: leader),
                etcd.counter("etcd_network_peer_sent_bytes_total")
            )
        }
        let (before, processor) = (counters(), used(etcd.pids))
        let outcome = try fleet.run(count, seconds: settings.seconds)
        let (after, spent) = (counters(), used(etcd.pids) - processor)
        return Round(
            outcome: outcome, processorSeconds: spent, flushes: max(1, after.0 - before.0),
            peerBytes: after.1 - before.1)
    }

    private func round(of mesh: RealMesh, _ primary: Int, _ fleet: LoadFleet, _ count: Int) throws -> Round {
        func counters() throws -> (Double, Double) {
            let texts = try mesh.members.indices.map(mesh.metrics)
            return (
                PlainHTTP.metric("bolt_journal_flushes_total", in: texts[primary]),
                texts.reduce(0) { $0 + PlainHTTP.metric("bolt_partition_received_bytes_total", in: $1) }
            )
        }
        let pids = mesh.members.map(\.pid)
        let (before, processor) = (try counters(), used(pids))
        let outcome = try fleet.run(count, seconds: settings.seconds)
        let (after, spent) = (try counters(), used(pids) - processor)
        return Round(
            outcome: outcome, processorSeconds: spent, flushes: max(1, after.0 - before.0),
            peerBytes: after.1 - before.1)
    }

    /// What was acknowledged is in the tables of both: their journals end alike.
    private func check(_ mesh: RealMesh, _ primary: Int, _ report: inout Report) throws {
        let isEven = RealMesh.wait(seconds: 10, every: 50) {
            let tips = mesh.members.indices.compactMap { try? mesh.metrics($0) }.map {
                PlainHTTP.metric("bolt_partition_tip", in: $0)
            }
            return tips.count == 2 && tips[0] == tips[1]
        }
        report.note(isEven ? "  both journals end alike" : "  the journals do NOT end alike")
    }
}
