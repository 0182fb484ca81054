import Foundation
import LoopbackKit

/// A bolt is killed to which many envoys are connected, and all turn to the other one of its partition at once: how
/// long until each was served there, beside what as many new connections take at the least.
struct HerdFigures {
    let settings: BenchSettings
    private let envoys = 2000
    /// Whole agents, with queues of their own on disk, that report afterwards.
    private let agents = 500
    /// New connections at a time of the control, and for how long.
    private let control = (writers: 64, seconds: 4.0)
    /// Check-ins a second with which the envoys connect.
    private let rate = 200.0

    func measure(_ report: inout Report) throws {
        HerdFigures.raiseFileLimit()
        let mesh = try RealMesh(bolts: 1, each: 2, settings: settings)
        let primary = try mesh.waitForSync(2)
        let (ports, doomed) = ([1 - primary, primary].map { mesh.members[$0].port }, 1 - primary)
        let contexts = try mesh.enrol(envoys, prefix: "herd", concurrency: 16).map { try LoadFleet.context(of: $0) }
        let token = try mesh.control(["envoy", "token", "create"])
        guard let text = token["token"].text else { throw BenchFailure("no token in the answer") }
        let limit = try LoadFleet(
            contexts.prefix(control.writers).map { context in
                let target = LoadWriter.Target(ports: [ports[1]], context: context, reconnects: true)
                return (exchange: HealthExchange(), target: target)
            })
        let herd = try LoadFleet(
            contexts.enumerated().map { number, context in
                let exchange = CheckInExchange(name: "herd-\(number + 1)", seed: UInt64(number + 1))
                return (exchange: exchange, target: LoadWriter.Target(ports: ports, context: context))
            })

        var handshakes = Series(values: [try limit.run(seconds: control.seconds).rate])
        let connected = try herd.run(rate: rate, seconds: Double(envoys) / rate + 2)
        guard connected.writers.allSatisfy({ !$0.samples.isEmpty }) else {
            throw BenchFailure("not all envoys were served before: \(connected.words ?? "no time")")
        }
        let held = PlainHTTP.metric("bolt_connections", in: try mesh.metrics(doomed))
        let killed = LoadFleet.now
        try mesh.crash(doomed)
        try herd.start()
        // Each ends with the write that is on its way.
        let outcome = try herd.stop()
        handshakes.values.append(try limit.run(seconds: control.seconds).rate)

        let ends = outcome.writers.compactMap(\.samples.first?.ended)
        let served = Series(values: ends.map { Double($0 - killed) / 1e9 })
        let least = Double(envoys) / (handshakes.values.reduce(0, +) / Double(handshakes.values.count))
        report.value("control: new connections, least of two", handshakes.least, "a second")
        report.value("  most of two", handshakes.most, "a second")
        report.value("  so \(envoys) take at the least", least, "s")
        report.value("connections at the bolt that is killed", held, "")
        report.value("kill −9 until all are served elsewhere", served.most, "s")
        report.value("  ratio", served.most / least, "× the least", aim: .atMost(2, "2"))
        report.value("  quantile 0.99, ratio", served.quantile(0.99) / least, "× the least")
        report.value(
            "envoys that nobody served within a minute", Double(envoys - served.values.count), "", aim: .atMost(0, "0"))
        try whole(mesh, text, &report)
    }

    /// The same envoys as agents, that know the dead bolt too: each pass brings a record from a queue on disk.
    private func whole(_ mesh: RealMesh, _ token: String, _ report: inout Report) throws {
        let begun = LoadFleet.now
        let answer = try mesh.envoy(
            ["simulate", "--count", "\(agents)", "--passes", "1", "--concurrency", "64", "--prefix", "herd", "--dir"]
                + [mesh.fleet("herd"), "--token", token], ending: [0, 1], seconds: 60)
        report.value("\(agents) agents of bolt-envoy simulate, a pass each", Double(LoadFleet.now - begun) / 1e9, "s")
        let delivered = answer["delivered"].number ?? 0
        report.value("  passes that no bolt took", Double(agents) - delivered, "", aim: .atMost(0, "0"))
    }

    /// As many files as this process and the bolts that it starts may have: a connection is one at either end.
    static func raiseFileLimit() {
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(kind, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(kind, &limit)
    }
}
