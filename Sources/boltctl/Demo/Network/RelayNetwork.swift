import Foundation

/// The loopback with a relay in front of each bolt: for machines where nobody may make network namespaces.
final class RelayNetwork: DemoNetwork {
    let name = "loopback behind a fault relay"
    private let relay: FaultRelay

    /// A relay in front of bolts of these names.
    init(bolts: [String]) throws {
        let upstream = try FreePorts.take(bolts.count)
        relay = FaultRelay(
            fronts: try zip(bolts, upstream).map { bolt, upstream in
                let (descriptor, port) = try Loopback.listen(port: 0)
                return FaultRelay.Front(bolt: bolt, descriptor: descriptor, port: port, upstream: upstream)
            })
    }

    func address(of index: Int) -> String { "127.0.0.1:\(relay.fronts[index].port)" }
    func listenAddress(of index: Int) -> String { "127.0.0.1:\(relay.fronts[index].upstream)" }
    func prefix(for bolt: String) -> [String] { [] }
    func configure(_ mesh: LocalMesh) throws {}

    /// Learns which process is which bolt.
    func started(_ mesh: LocalMesh) {
        var owners: [pid_t: String] = [:]
        for bolt in mesh.bolts { if let pid = bolt.runningPID { owners[pid] = bolt.fullName } }
        relay.setOwners(owners)
    }

    func split(_ one: [String], from other: [String]) throws { relay.split(one, other) }
    func heal() throws { relay.heal() }
    func tearDown() { relay.stop() }
}
