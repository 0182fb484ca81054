internal import CRDT
public import Spanner

/// An envoy goes to another group: `POST /v1/envoys/{envoy}/reassign`. What it has stored goes with it.
public struct ReassignEnvoyRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's. Asked again with the same it is the same move.
    public var task: PrincipalID
    /// The group.
    public var group: GroupName
    /// Why, for the audit log.
    public var reason: String

    /// A move of one envoy.
    public init(task: PrincipalID, group: GroupName, reason: String) {
        (self.task, self.group, self.reason) = (task, group, reason)
    }
}

/// An envoy was given another group, or on a dry run would be.
public struct ReassignEnvoyResponse: Hashable, Sendable, Codable {
    /// Where an envoy is.
    public struct Place: Hashable, Sendable, Codable {
        /// Its group; nil for one that was admitted without.
        public var group: GroupName?
        /// Which slice of the group.
        public var slice: UInt32?
        /// Who owns that.
        public var owner: PartitionName?

        /// A place.
        public init(group: GroupName?, slice: UInt32?, owner: PartitionName?) {
            (self.group, self.slice, self.owner) = (group, slice, owner)
        }
    }

    /// Which envoy.
    public var envoy: PrincipalID
    /// Its name.
    public var name: PrincipalName
    /// Where it was.
    public var from: Place
    /// Where it goes.
    public var to: Place
    /// A task that moves what it has stored; nil where its rows follow by themselves, as they do in this version.
    public var task: TaskView?
    /// How safe the line of the audit log and the word of the journal are. The roster's event is gossiped as well.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A move of one envoy.
    public init(
        envoy: PrincipalID, name: PrincipalName, from: Place, to: Place, task: TaskView?, level: AckLevel,
        dryRun: Bool, effects: [String]
    ) {
        (self.envoy, self.name, self.from, self.to) = (envoy, name, from, to)
        (self.task, self.level, self.dryRun, self.effects) = (task, level, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case envoy, name, from, to, task, level, effects
        case dryRun = "dry_run"
    }
}
