internal import BoltAPI
internal import Identity
internal import Logging
public import Spanner
internal import SpannerStore

/// Whether a machine that was enrolled still is admitted: a report of what its queue holds, and what the mesh says.
public struct AdmissionCheck: Sendable {
    /// What is known of an admission.
    public enum Standing: Hashable, Sendable {
        /// The mesh took a report just now.
        case inForce
        /// It has ended: the machine may be enrolled anew, with new keys.
        case ended(EnvoyPortFailure)
        /// The mesh refuses this envoy.
        case refused(EnvoyPortFailure)
        /// No bolt could be asked.
        case unknown(EnvoyPortFailure)
        /// The agent of that process reports for itself; what came of it, where that is known.
        case running(pid: Int32?, ReportHistory?)
    }

    private let directory: EnvoyDirectory
    private let addresses: [String]

    /// A check of the envoy in `directory`, at `addresses` before those that it knows.
    public init(directory: EnvoyDirectory, addresses: [String] = []) {
        (self.directory, self.addresses) = (directory, addresses)
    }

    /// Asks. Fails with `mismatch` where the envoy is of another mesh than `mesh`, with `IdentityError` or `StoreError`
    /// where its state cannot be read.
    public func ask(of mesh: MeshID) async throws -> Standing {
        let identity = try EnvoyIdentity.load(directory: directory.identityPath)
        guard identity.credential.root.meshID == mesh else {
            throw IdentityError(
                .mismatch, what: "enrol this machine in \(directory.path)",
                why: "it holds the identity of another mesh than the token's", next: "give another --state")
        }
        let known = try directory.profile().bolts.map(\.address)
        let queue: QueueStore
        do {
            queue = try directory.openQueue(for: identity.principal)
        } catch {
            guard error.code == .locked else { throw error }
            var holder: Int32?
            if case .holder(let pid)? = error.detail { holder = pid }
            return .running(pid: holder, directory.history())
        }
        var limits = EnvoyAgent.PassLimits()
        limits.reportsMax = 1
        let agent = try EnvoyAgent(
            port: try BoltPort(identity.credential), trust: try OwnerTrust(identity.credential), queue: queue,
            seeds: addresses + known, pinned: !addresses.isEmpty, seed: UInt64.random(in: .min ... .max),
            logger: Logger(label: "enroll") { _ in SwiftLogNoOpLogHandler() }, directory: directory)
        let pass = try await agent.runOnce(recording: false, limits: limits)
        try await agent.close()
        guard case .failed(let failure, _) = pass else { return .inForce }
        switch failure.kind {
        case .unavailable: return .unknown(failure)
        case .rejected, .contradicted: return .inForce
        case .refused: return failure.code == Problem.Code.removed.rawValue ? .ended(failure) : .refused(failure)
        }
    }
}
