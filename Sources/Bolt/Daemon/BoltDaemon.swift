internal import BoltAPI
internal import Foundation
internal import Identity
internal import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// One bolt, from its configuration to its end: the service that `bolt run` runs.
public struct BoltDaemon: Service {
    private let configuration: BoltConfiguration
    private let logger: Logger
    private let announce: @Sendable (String) -> Void

    /// A bolt that is not started. `announce` gets one line once it listens.
    public init(_ configuration: BoltConfiguration, announce: @escaping @Sendable (String) -> Void) {
        let (level, json) = (configuration.logLevel, configuration.logsJSON)
        logger = Logger(label: "bolt") { LineLogHandler(label: $0, level: level, json: json) }
        (self.configuration, self.announce) = (configuration, announce)
    }

    /// Runs until it is told to shut down gracefully or its disk can no longer be trusted.
    public func run() async throws {
        try ProcessSecrecy.begin()
        let metrics = MetricsRegistry()
        let table = ConnectionTable(connectionsMax: configuration.connectionsMax)
        let logger = logger
        let place = try BoltPlace(configuration)
        let start = try NodeStart(place, logger: logger, metrics: metrics, table: table) { error in
            // Whether the last write is durable is unknown: nothing may be acknowledged on this handle any more, and
            // only a new process opens another.
            logger.critical(
                "the store cannot be trusted any more: this process ends", metadata: [LogKeys.why: "\(error)"])
            exit(1)
        }
        let life = try BoltLife(
            configuration, start: start, ports: place.ports, logger: logger, metrics: metrics, table: table)
        try await life.run(announce: announce)
    }
}
