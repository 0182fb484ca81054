public import BoltAPI
public import Identity
internal import Foundation
public import Spanner
public import SpannerStore

/// One agent's state on disk: `identity/` (keys, certificates), `queue/` (results, list of bolts), `envoy.json`.
public struct EnvoyDirectory: Sendable {
    /// Where it is, as given.
    public let path: String

    /// The state at a path, which need not exist yet.
    public init(_ path: String) { self.path = path }

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
    }

    /// Keys and certificates.
    public var identityPath: String { path + "/identity" }
    /// The queue's state directory.
    public var queuePath: String { path + "/queue" }
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

    /// Opens the queue, under a new random incarnation where this is not the life that the old one was drawn for.
    public func openQueue(limits: QueueStore.Limits = QueueStore.Limits()) throws(StoreError) -> sending QueueStore {
        let queue = try QueueStore(path: queuePath, limits: limits)
        if case .renewalNeeded = queue.incarnation, let fresh = QueueID(bytes: Sodium.randomBytes(16)) {
            try queue.renewIncarnation(to: fresh)
        }
        return queue
    }
}
