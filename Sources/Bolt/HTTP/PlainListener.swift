internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOPosix

/// The plain HTTP port for health and metrics: local, and never for anything else.
struct PlainListener: Sendable {
    let responder: HTTPResponder
    let logger: Logger

    /// Requests that may be on their way at one time.
    static let backlog: Int32 = 128

    /// Binds the port; 0 takes a free one. Throws `IOError` where it is taken or not allowed.
    func bind(
        host: String, port: Int, group: any EventLoopGroup
    ) async throws -> NIOAsyncChannel<HTTPConnection, Never> {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: PlainListener.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(host: host, port: port) { channel in
                HTTPConnection.setup(channel, peer: nil, responder: responder, logger: logger)
            }
    }

    /// Serves until the port is closed; what is still connected then is cut.
    func serve(_ listener: NIOAsyncChannel<HTTPConnection, Never>) async {
        await withTaskGroup(of: Void.self) { tasks in
            do {
                try await listener.executeThenClose { inbound in
                    for try await connection in inbound { tasks.addTask { await connection.serve(logger) } }
                }
            } catch {
                logger.debug("the plain listener ended", metadata: [LogKeys.why: "\(error)"])
            }
            // Cancelling closes the input of plain connections, which ends them.
            tasks.cancelAll()
        }
    }
}
