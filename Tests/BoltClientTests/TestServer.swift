import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A TLS 1.3 server on the loopback that answers by script, byte for byte, and remembers what it was asked.
final class TestServer: Sendable {
    /// One request as it came.
    struct Request: Sendable {
        /// Which connection it came over, from 1.
        let connection: Int
        /// Its place on that connection, from 1.
        let number: Int
        let head: HTTPRequestHead
        let body: String
    }

    /// What the script does with a request.
    enum Reply: Sendable {
        /// A whole answer with a length.
        case answer(_ body: String, status: Int = 200, headers: [String] = [])
        /// A whole answer in chunks.
        case chunks([String])
        /// These bytes, and nothing else for now.
        case bytes(String)
        /// These bytes, then a goodbye of TLS and the end.
        case bytesThenGoodbye(String)
        /// These bytes, then the end without a goodbye.
        case bytesThenCut(String)
        /// Nothing, ever.
        case silence
    }

    typealias Script = @Sendable (Request) -> Reply

    private struct State {
        var connections = 0
        var requests: [Request] = []
    }

    private final class Log: Sendable {
        let state = Mutex(State())
    }

    private let channel: any Channel
    private let log = Log()
    /// `127.0.0.1:port`.
    let address: String

    /// Starts it. With `clients`, a client has to present a certificate that one of these roots signed.
    init(presenting presented: Presented, clients: [[UInt8]]? = nil, _ script: @escaping Script) async throws {
        let context = try Self.context(presented, clients)
        let log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = log.state.withLock { state in
                        state.connections += 1
                        return state.connections
                    }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(
                        ScriptHandler(connection: number, script: script) { request in
                            log.state.withLock { $0.requests.append(request) }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    /// Connections that were accepted, whether or not their handshake succeeded.
    var connections: Int { log.state.withLock { $0.connections } }
    /// Requests that were read to their end.
    var requests: [Request] { log.state.withLock { $0.requests } }

    func stop() async throws { try await channel.close().get() }

    private static func context(_ presented: Presented, _ clients: [[UInt8]]?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try presented.chain.map {
                .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: presented.keyPEM, format: .pem)))
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["http/1.1"]
        if let clients {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates(
                try clients.map { try NIOSSLCertificate(bytes: $0, format: .der) })
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

/// Answers each request of one connection by the script.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let connection: Int
    private let script: TestServer.Script
    private let note: @Sendable (TestServer.Request) -> Void
    private var number = 0
    private var head: HTTPRequestHead?
    private var body = ""

    init(connection: Int, script: @escaping TestServer.Script, note: @escaping @Sendable (TestServer.Request) -> Void) {
        (self.connection, self.script, self.note) = (connection, script, note)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, "")
        case .body(let part): body += String(buffer: part)
        case .end:
            guard let head else { return }
            number += 1
            let request = TestServer.Request(connection: connection, number: number, head: head, body: body)
            note(request)
            carryOut(script(request), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func carryOut(_ reply: TestServer.Reply, _ context: ChannelHandlerContext) {
        switch reply {
        case .answer(let body, let status, let headers):
            let lines =
                ["HTTP/1.1 \(status) X", "content-type: application/json", "content-length: \(body.utf8.count)"]
                + headers
            write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body, context)
        case .chunks(let parts):
            write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n", context)
            for part in parts { write("\(String(part.utf8.count, radix: 16))\r\n\(part)\r\n", context) }
            write("0\r\n\r\n", context)
        case .bytes(let text): write(text, context)
        case .bytesThenGoodbye(let text):
            write(text, context)
            context.close(promise: nil)
        case .bytesThenCut(let text):
            write(text, context)
            // Below the handler of TLS, which would say goodbye.
            let below = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
            below?.close(promise: nil)
        case .silence: break
        }
    }

    private func write(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}
