internal import Foundation
internal import NIOCore
internal import SpannerTransport

/// The two ports of a bolt, held before it makes or changes anything.
struct BoltPorts: Sendable {
    /// TLS, for peers, envoys and operators.
    let main: ClaimedPort
    /// Plain, for health and metrics.
    let ops: ClaimedPort

    /// Claims both or neither. Throws `port_in_use` or `cannot_listen`; nothing is changed.
    init(_ configuration: BoltConfiguration) throws(DaemonError) {
        main = try BoltPorts.claim("listen", configuration.listenAddress, configuration.listenPort)
        ops = try BoltPorts.claim("ops", configuration.opsAddress, configuration.opsPort)
    }

    private static func claim(_ setting: String, _ host: String, _ port: Int) throws(DaemonError) -> ClaimedPort {
        do { return try ClaimedPort(host: host, port: port) } catch {
            throw failure(error, setting: setting, host, port)
        }
    }

    /// Why a port can't be had. `made` is what was made before.
    static func failure(
        _ error: any Error, setting: String, _ host: String, _ port: Int, made: String? = nil
    ) -> DaemonError {
        let what = "listening on \(host):\(port) (\(setting).port)"
        guard let system = error as? IOError else {
            return DaemonError(
                .cannotListen, what: what, why: "the address is not known: \(error)", made: made,
                next: "set \(setting).address to an address of this machine")
        }
        guard system.errnoCode == EADDRINUSE else {
            return DaemonError(
                .cannotListen, what: what, why: String(cString: strerror(system.errnoCode)), made: made,
                next: system.errnoCode == EACCES
                    ? "take a port above 1023, or give the process the right to listen below"
                    : "set \(setting).address to an address of this machine")
        }
        return DaemonError(
            .portInUse, what: what, why: "another process listens there", made: made,
            next: "stop that process, or set \(setting).port to another port")
    }
}
