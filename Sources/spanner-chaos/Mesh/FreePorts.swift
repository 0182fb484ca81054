import LoopbackKit

/// Ports for bolts and etcd.
enum FreePorts {
    private static let ports = LoopbackPorts(20_000..<32_000)

    /// So many, all different.
    static func take(_ count: Int) throws -> [Int] {
        guard let taken = ports.take(count) else { throw ChaosFailure("\(count) free ports are not to be had") }
        return taken
    }
}
