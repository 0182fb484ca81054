import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Identity
import Spanner

/// Which bolts to ask, and as whom.
struct ConnectionOptions: ParsableArguments {
    @OptionGroup var output: OutputOptions

    @Option(name: .long, help: "A bolt to ask, host:port; may be repeated. Default: those of the context.")
    var bolt: [String] = []

    @Option(name: .long, help: "Directory of the operator's identity. Default: that of the context.")
    var identity: String?

    @Option(name: .long, help: "The context to use instead of the current one.")
    var context: String?

    @Option(name: .customLong("request-timeout"), help: "Seconds that one bolt has for an answer.")
    var requestTimeout: Double = 10

    /// The context in use, completed by the options.
    func resolved() throws -> ContextFile.Context {
        let file = try Contexts.load()
        let known = file.context(context)
        if let context, known == nil {
            let hint = NearestName.suggest(context, among: file.contexts.map(\.name)).map { "; did you mean \($0)?" }
            throw CommandFailure(
                "unknown_context", "there is no context \(context)\(hint ?? "")", next: "boltctl context list",
                status: .usage)
        }
        let bolts = bolt.isEmpty ? known?.bolts ?? [] : bolt
        guard !bolts.isEmpty else {
            throw CommandFailure(
                "no_bolt", "no bolt is named and no context is in use",
                next: "start a mesh with boltctl mesh up, or name a bolt with --bolt HOST:PORT", status: .usage)
        }
        guard let identity = identity ?? known?.identity else {
            throw CommandFailure(
                "no_identity", "no operator identity is named", next: "name its directory with --identity DIR",
                status: .usage)
        }
        return ContextFile.Context(name: known?.name ?? "", bolts: bolts, identity: identity)
    }

    /// The operator and a client that acts for it.
    func session() throws -> Session {
        guard requestTimeout > 0, requestTimeout <= 3600 else {
            throw CommandFailure("bad_timeout", "--request-timeout takes 0 to 3600 seconds", status: .usage)
        }
        return try Session(resolved(), timeout: requestTimeout, tells: true, isNamed: !bolt.isEmpty)
    }
}

/// An operator who talks to a mesh.
struct Session: Sendable {
    let context: ContextFile.Context
    let operatorIdentity: OperatorIdentity
    let verifier: PeerVerifier
    let client: BoltClient
    /// Whether the bolts to ask were named on the command line: then nobody else is asked.
    let isNamed: Bool
    private let limits: ClientLimits
    private let notices: WaitNotices?

    /// `tells`: whether standard error says whom a request waits for.
    init(_ context: ContextFile.Context, timeout: Double = 10, tells: Bool = false, isNamed: Bool = false) throws {
        (self.context, self.isNamed) = (context, isNamed)
        let notices = tells ? WaitNotices() : nil
        self.notices = notices
        operatorIdentity = try Self.loadIdentity(context.identity)
        verifier = try operatorIdentity.credential.verifier()
        var limits = ClientLimits()
        limits.requestTimeout = .milliseconds(Int64(timeout * 1000))
        self.limits = limits
        client = try BoltClient(
            addresses: context.bolts, trust: .mesh(verifier),
            certificate: ClientCertificate(operatorIdentity.credential), limits: limits, onWait: notices?.onWait)
    }

    /// A client of one bolt alone.
    func client(of address: String) throws -> BoltClient { try client(of: [address]) }

    /// A client of these bolts alone, tried in this order.
    func client(of addresses: [String]) throws -> BoltClient {
        try BoltClient(
            addresses: addresses, trust: .mesh(verifier), certificate: ClientCertificate(operatorIdentity.credential),
            limits: limits, onWait: notices?.onWait)
    }

    /// Keys in clear need no passphrase; encrypted ones ask for it.
    static func loadIdentity(_ directory: String) throws -> OperatorIdentity {
        try Passphrases.opening(directory) { passphrase throws(IdentityError) in
            try OperatorIdentity.load(directory: directory, passphrase: passphrase)
        }
    }
}
