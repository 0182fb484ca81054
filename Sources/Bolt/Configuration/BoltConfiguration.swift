internal import Foundation
public import Identity
public import Logging
public import Spanner

/// All that a bolt is told by its operator. Made only where every rule holds.
public struct BoltConfiguration: Sendable {
    /// Name of the mesh.
    public let meshName: TrustDomain
    /// Name of this bolt.
    public let name: BoltName
    /// Its partition.
    public let partition: PartitionName
    /// Its zone.
    public let zone: String?
    /// Address of the TLS port.
    public let listenAddress: String
    /// The TLS port; 0 takes a free one.
    public let listenPort: Int
    /// `host:port` that others reach this bolt by, where it differs from its admission.
    public let advertise: String?
    /// Address of the plain port.
    public let opsAddress: String
    /// The plain port; 0 takes a free one.
    public let opsPort: Int
    /// Where the database is.
    public let stateDirectory: String
    /// Where keys and chains are.
    public let identityDirectory: String
    /// The genesis file.
    public let genesisFile: String
    /// The topology, whose groups take machines at admission; nil where none is named.
    public let topologyFile: String?
    /// The unseal key's file; nil where an operator brings the key.
    public let sealKeyFile: String?
    /// Bolts to dial before the roster names any.
    public let seeds: [String]
    /// Least level that is logged.
    public let logLevel: Logger.Level
    /// Whether log lines are JSON.
    public let logsJSON: Bool
    /// Connections accepted at one time.
    public let connectionsMax: Int
    /// Longest time that a shutdown waits for requests.
    public let drainTimeout: Duration
    /// Check-ins that may wait for the disk.
    public let pendingCheckInsMax: Int
    /// Bytes of disk kept back for a full one.
    public let reserveBytes: Int
    /// Bytes of disk for results of other partitions' envoys.
    public let custodyBytes: Int
    /// Paces and bounds of gossip.
    public let gossip: GossipSettings
    /// Paces of the partition's replication.
    public let replication: PartitionSettings
    /// Part of the time in which the partition's disk is read over, in percent.
    public let scrubPercent: Int
    /// Records that the partition's journal keeps for standbys that were away.
    public let recordsKept: UInt64
    /// Pause that envoys are told to keep, in seconds.
    public let checkInInterval: Int
    /// When a promotion may be tried.
    let lease: LeaseConfiguration
    /// Where the partition's policy comes from.
    let policy: PolicyConfiguration
    /// Values and origins, for `check-config`.
    let values: ConfigurationValues

    /// Reads a configuration. `flags` are `section.key` with values; environment names that begin with `BOLT_` and are
    /// no setting are errors as unknown keys of the file are. Throws with *all* violations.
    public init(
        file: String?, environment: [String: String] = [:], flags: [(key: String, value: String)] = []
    ) throws(ConfigurationError) {
        let values = try ConfigurationValues(file: file, environment: environment, flags: flags)
        var gossip = GossipSettings()
        func milliseconds(_ key: String) -> Duration { .milliseconds(values.text(key).flatMap { Int($0) } ?? 0) }
        func integer(_ key: String) -> Int { values.text(key).flatMap { Int($0) } ?? 0 }
        gossip.roundInterval = milliseconds("gossip.round_interval_ms")
        gossip.freezeTimeout = milliseconds("gossip.freeze_timeout_ms")
        gossip.spreadTimeout = milliseconds("gossip.spread_timeout_ms")
        let lease = LeaseConfiguration(values)
        let policy = PolicyConfiguration(values)
        var replication = PartitionSettings()
        replication.heartbeatInterval = milliseconds("partition.heartbeat_ms")
        replication.inSyncTimeout = milliseconds("partition.insync_timeout_ms")
        // Where a lease decides, a primary that restarted waits for it like everybody else.
        replication.resumesByItself = !lease.isAutomatic
        var violations = values.violations
        if violations.isEmpty {
            violations += lease.violations.map {
                ConfigurationViolation(key: "lease", value: values.text("lease.engine"), origin: .fallback, rule: $0)
            }
            violations += policy.violations.map {
                ConfigurationViolation(key: "policy", value: values.text("policy.source"), origin: .fallback, rule: $0)
            }
            violations += replication.violations.map {
                ConfigurationViolation(
                    key: "partition", value: "\(replication.heartbeatInterval), \(replication.inSyncTimeout)",
                    origin: .fallback, rule: $0)
            }
            violations += gossip.violations.map {
                ConfigurationViolation(
                    key: "gossip", value: "\(gossip.roundInterval), \(gossip.freezeTimeout)", origin: .fallback,
                    rule: $0)
            }
            if let clash = BoltConfiguration.clash(of: values) { violations.append(clash) }
        }
        guard violations.isEmpty, let mesh = values.text("mesh.name").flatMap({ TrustDomain($0) }),
            let name = values.text("bolt.name").flatMap({ BoltName($0) }),
            let partition = values.text("bolt.partition").flatMap({ PartitionName($0) })
        else { throw ConfigurationError(violations: violations, unreadable: nil) }
        (meshName, self.name, self.partition) = (mesh, name, partition)
        zone = values.text("bolt.zone")
        listenAddress = values.text("listen.address") ?? ""
        listenPort = integer("listen.port")
        advertise = values.text("listen.advertise")
        opsAddress = values.text("ops.address") ?? ""
        opsPort = integer("ops.port")
        stateDirectory = values.text("state.directory") ?? ""
        let identity = values.text("identity.directory") ?? ""
        identityDirectory = identity
        genesisFile = values.text("join.genesis") ?? identity + "/genesis.json"
        topologyFile = values.text("topology.file")
        sealKeyFile = values.text("seal.key_file")
        seeds = Setting.parts(of: values.text("peers.seeds") ?? "")
        logLevel = values.text("log.level").flatMap { Logger.Level(rawValue: $0) } ?? .info
        logsJSON = values.text("log.format") == "json"
        connectionsMax = integer("limits.connections")
        drainTimeout = .seconds(integer("limits.drain_seconds"))
        pendingCheckInsMax = integer("limits.pending_checkins")
        reserveBytes = integer("limits.reserve_mib") * 1024 * 1024
        custodyBytes = integer("limits.custody_mib") * 1024 * 1024
        checkInInterval = integer("checkin.interval_seconds")
        recordsKept = UInt64(max(0, integer("partition.records_kept")))
        scrubPercent = integer("partition.scrub_percent")
        (self.gossip, self.replication, self.values) = (gossip, replication, values)
        (self.lease, self.policy) = (lease, policy)
    }

    /// The two listeners cannot have one port of one address.
    private static func clash(of values: ConfigurationValues) -> ConfigurationViolation? {
        guard let ops = values.values["ops.port"], ops.text != "0", ops.text == values.text("listen.port") else {
            return nil
        }
        let addresses = [values.text("listen.address") ?? "", values.text("ops.address") ?? ""]
        guard addresses[0] == addresses[1] || addresses.contains(where: { $0 == "0.0.0.0" || $0 == "::" }) else {
            return nil
        }
        return ConfigurationViolation(
            key: "ops.port", value: ops.text, origin: ops.origin, rule: "must not be the port of listen.port")
    }

    /// Every setting with its value and origin, as `check-config` prints it: one line each, secrets masked.
    public var report: String {
        let width = Setting.all.map(\.key.count).max() ?? 0
        return Setting.all.map { setting in
            let (text, origin) = values.values[setting.key] ?? ("", .fallback)
            let shown = setting.isSecret && !text.isEmpty ? "********" : text.isEmpty ? "-" : text
            return "\(setting.key.padding(toLength: width, withPad: " ", startingAt: 0))  \(shown)  (\(origin))"
        }.joined(separator: "\n")
    }

    /// `name.partition`.
    public var fullName: String { "\(name).\(partition)" }
}
