public import BoltAPI
public import Identity
internal import Foundation
public import Spanner
public import SpannerStore

/// One agent's state on disk: `identity/` (keys, certificates), `queue/` (results, list of bolts), `envoy.json` (who it
/// is), `reports.json` (what came of its reports), `passes.jsonl` (what came of its passes), `converge/` (what the
/// engine that applies a policy has not finished).
public struct EnvoyDirectory: Sendable {
    /// Where it is, absolute.
    public let path: String

    /// The state at a path, which need not exist yet. One that is relative is so to the directory of the process now:
    /// whatever is given the path later takes it for the same place.
    public init(_ path: String) { self.path = Self.absolute(path) }

    /// A path that leads to the same place from everywhere: one that is relative is so to the directory of the process
    /// now. Not simplified: what is above a link is not what its text says.
    public static func absolute(_ path: String) -> String {
        let here = FileManager.default.currentDirectoryPath
        // A directory that is gone has no path: then it stays as it was given, and using it says why it fails.
        let isSettled = path.hasPrefix("/") || path.isEmpty || here.isEmpty
        return isSettled ? path : (here == "/" ? "" : here) + "/" + path
    }

    /// What an enrolled agent knows of itself.
    public struct Profile: Codable, Hashable, Sendable {
        /// Its id for ever.
        public var id: PrincipalID
        /// What people call it.
        public var name: PrincipalName
        /// Partition whose intermediate issued its certificate.
        public var partition: PartitionName
        /// Its part of the fleet.
        public var group: GroupName?
        /// Bolts as they were known at enrolment.
        public var bolts: [BoltAddress]
        /// The register of its slice as the last admission, or change of key, told it; absent where no topology was in
        /// force. An agent that has seen nothing of its owner begins with it.
        public var claim: Base64Bytes?
    }

    /// Keys and certificates.
    public var identityPath: String { path + "/identity" }
    /// The queue's state directory.
    public var queuePath: String { path + "/queue" }
    /// Where the engine that applies a policy keeps its lock and what is unfinished; made where it is not there.
    public func makeConvergencePath() throws(IdentityError) -> String {
        let place = path + "/converge"
        if !SecureFile.exists(place) { try SecureFile.makeDirectory(place) }
        return place
    }
    private var profilePath: String { path + "/envoy.json" }

    /// Whether an enrolment was completed here.
    public var isEnrolled: Bool {
        IdentityDirectory(identityPath).isComplete && SecureFile.exists(profilePath)
    }

    /// Makes the directory, with those above it, where it is not there; private to this user.
    public func make() throws(IdentityError) {
        var missing: [String] = []
        var path = path
        while !SecureFile.exists(path) {
            missing.append(path)
            let parent = (path as NSString).deletingLastPathComponent
            guard !parent.isEmpty, parent != path else { break }
            path = parent
        }
        while let next = missing.popLast() { try SecureFile.makeDirectory(next) }
    }

    /// What the agent knows of itself. Fails with `missingFile` before enrolment.
    public func profile() throws(IdentityError) -> Profile {
        let bytes = try SecureFile.read(profilePath, access: .everybody)
        guard let profile = try? APIJSON.decode(Profile.self, from: Data(bytes)) else {
            throw IdentityError(
                .malformed, what: "read \(profilePath)", why: "it is not what an enrolment wrote",
                next: "restore it, or enrol again")
        }
        return profile
    }

    /// Keeps what an enrolment brought. Durable when it returns.
    public func save(_ profile: Profile) throws(IdentityError) {
        guard let json = try? APIJSON.encode(profile, pretty: true) else { return }
        try make()
        try SecureFile.write(Array(json), to: profilePath, access: .everybody)
    }

    /// Fails, saying what to do, where no enrolment was completed here.
    public func requireEnrolled() throws(IdentityError) {
        guard !isEnrolled else { return }
        let isBegun = SecureFile.exists(identityPath)
        throw IdentityError(
            .notEnrolled, what: "find the envoy's identity in \(path)",
            why: isBegun ? "an enrolment was begun here and has not ended" : "no machine was enrolled there",
            next: "bolt-envoy enroll --state \(path) --token TOKEN, with a token of: boltctl envoy token create")
    }

    /// Puts the identity out of use, so that the machine can be enrolled anew; the queue stays. It is kept beside the
    /// place where it was. Returns where.
    public func setIdentityAside() throws(IdentityError) -> String {
        var (number, aside) = (1, identityPath + ".ended")
        while SecureFile.exists(aside) {
            number += 1
            aside = "\(identityPath).ended-\(number)"
        }
        do {
            try FileManager.default.moveItem(atPath: identityPath, toPath: aside)
        } catch {
            throw IdentityError(
                .fileFailure, what: "move \(identityPath) to \(aside)", why: "\(error.localizedDescription)",
                next: "move it away by hand, then enrol again")
        }
        try SecureFile.remove(historyPath)
        try SecureFile.remove(profilePath)
        return aside
    }

    // MARK: Queue

    /// Opens the queue, under a new random incarnation where this is not the life that the old one was drawn for.
    ///
    /// Where it was the queue of another envoy than `principal` (the machine was enrolled anew), what it holds is taken
    /// along under a new name: its old one is the other's for ever.
    public func openQueue(
        for principal: PrincipalID? = nil, limits: QueueStore.Limits = QueueStore.Limits()
    ) throws(StoreError) -> sending QueueStore {
        let queue: QueueStore
        do throws(StoreError) {
            queue = try QueueStore(path: queuePath, limits: limits)
        } catch { throw explained(error) }
        if case .renewalNeeded = queue.incarnation { try queue.renewIncarnation(to: .random()) }
        guard let principal else { return queue }
        let memory = EnvoyMemory(meta: queue.meta)
        let before = try memory.principal()
        if before != principal {
            if before != nil { try queue.startOver(as: .random()) }
            try queue.policy.forget()
            try memory.begin(as: principal)
        }
        try memory.keep(admission: (try? profile())?.claim?.bytes)
        return queue
    }

    /// Opens the queue as above for an agent that begins, once a command that looks at it for a moment has let go of
    /// it. Where the disk takes nothing, says that no policy is put in force until it does.
    public func openQueue(
        for principal: PrincipalID, waiting patience: Duration
    ) async throws(StoreError) -> sending QueueStore {
        let end = ContinuousClock.now + patience
        while true {
            do {
                return try openQueue(for: principal)
            } catch {
                guard error.code == .locked, ContinuousClock.now < end else { throw atStart(error) }
                guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { throw error }
            }
        }
    }

    /// What to do about a queue that is not what was written: an agent neither goes on with it nor begins anew by
    /// itself. Results that nobody else has may be in it, and whose word was seen last: to give that up is for people.
    public func explained(_ error: StoreError) -> StoreError {
        guard error.code == .corrupt else { return error }
        return StoreError(
            error.code, what: error.what, why: "\(error.why); nothing is reported and no policy is put in force",
            stateChanged: error.stateChanged,
            next: "look at the machine's disk; then, to begin anew without the results that no bolt has yet: "
                + "mv \(queuePath) \(queuePath).damaged, and start it again: it fetches its policy",
            detail: error.detail)
    }

    /// An agent that can't write down that it began could tell a result twice under one number: it does not begin, and
    /// people would look for the reason at the policy.
    private func atStart(_ error: StoreError) -> StoreError {
        guard [.full, .permissions].contains(error.code) else { return error }
        let next =
            error.code == .full
            ? "make room on the disk of \(path)" : "\(error.next), and see that \(path) is not mounted read-only"
        return StoreError(
            error.code, what: error.what,
            why: "\(error.why); an agent begins only where its state can be written; no policy is put in force",
            stateChanged: error.stateChanged, next: "\(next), then start it again", detail: error.detail)
    }

    // MARK: What came of reports

    private var historyPath: String { path + "/reports.json" }

    /// What came of the agent's reports; nil where nothing did yet, or where it cannot be read.
    public func history() -> ReportHistory? {
        guard let bytes = try? SecureFile.read(historyPath, access: .everybody) else { return nil }
        return try? APIJSON.decode(ReportHistory.self, from: Data(bytes))
    }

    /// Keeps what came of reports.
    func save(_ history: ReportHistory) throws(IdentityError) {
        guard let json = try? APIJSON.encode(history, pretty: true) else { return }
        try SecureFile.write(Array(json), to: historyPath, access: .everybody)
    }
}

extension QueueID {
    /// A name that no queue ever had.
    static func random() -> QueueID {
        guard let id = QueueID(bytes: Sodium.randomBytes(16)) else {
            preconditionFailure("16 random bytes are no queue's name")
        }
        return id
    }
}

extension IdentityError.Code {
    /// Operator's fault: there is no enrolled envoy in the directory.
    public static let notEnrolled = Self(rawValue: "not_enrolled")
}
