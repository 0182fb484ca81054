internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import SpannerTransport

/// The plain HTTP port for health and metrics: local, and never for anything else.
struct PlainListener: Sendable {
    let responder: HTTPResponder
    let logger: Logger

    /// Connections that may wait to be accepted.
    static let backlog: Int32 = 128

    /// Binds a port that was claimed. Throws `IOError` where another process listens on it after all.
    func bind(
        _ port: ClaimedPort, group: any EventLoopGroup
    ) async throws -> NIOAsyncChannel<HTTPConnection, Never> {
        try await port.serve(backlog: PlainListener.backlog) { socket in
            try await ServerBootstrap(group: group)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .bind(socket) { channel in
                    HTTPConnection.setup(channel, peer: nil, responder: responder, logger: logger)
                }
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
