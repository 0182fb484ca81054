internal import Identity
internal import Spanner
internal import SpannerTransport

extension Setting {
    /// Every setting, by section.
    public static let all = common + lease + policy

    /// Those about the bolt itself, its neighbours and its limits.
    private static let common: [Setting] = [
        Setting(
            "mesh.name", .text(rule: "a lower-case DNS name of at most 63 bytes", { TrustDomain($0) != nil }),
            "name of the mesh, as in its certificates"),
        Setting("bolt.name", label, "name of this bolt, unique in its partition"),
        Setting("bolt.partition", label, "partition that this bolt belongs to"),
        Setting("bolt.zone", label, optional: true, "zone that this bolt stands in"),
        Setting("listen.address", host, default: "0.0.0.0", "address of the TLS port for peers, envoys, operators"),
        Setting("listen.port", port, default: "7440", "the TLS port; 0 takes a free one"),
        Setting(
            "listen.advertise", address, optional: true,
            "host:port that others reach this bolt by; that of its admission where nothing is said"),
        Setting("ops.address", host, default: "127.0.0.1", "address of the plain HTTP port for health and metrics"),
        Setting("ops.port", port, default: "7441", "the plain HTTP port; 0 takes a free one"),
        Setting("state.directory", path, default: "/var/lib/bolt", "where this bolt keeps its database"),
        Setting("identity.directory", path, default: "/etc/bolt/identity", "where this bolt's keys and chains are"),
        Setting(
            "join.genesis", path, optional: true, "the genesis file; default: the identity directory"),
        Setting(
            "topology.file", path, optional: true,
            "the topology, read at start: its groups take machines; without one only tokens name groups"
        ),
        Setting(
            "seal.key_file", path, optional: true,
            "the unseal key's file, mode 0600: opens the vault at start and whenever a keyring arrives"),
        Setting(
            "peers.seeds", .list(rule: "host:port", { PeerDialer.split($0) != nil }), default: "",
            "bolts to dial before the roster names any"),
        Setting("log.level", .choice(logLevels), default: "info", "least level that is logged"),
        Setting("log.format", .choice(["text", "json"]), default: "text", "form of log lines on stderr"),
        Setting(
            "limits.connections", .integer(16...100_000), default: "12000", "connections accepted at one time"),
        Setting(
            "limits.drain_seconds", .integer(0...600), default: "10",
            "longest time that a shutdown waits for requests"
        ),
        Setting(
            "limits.pending_checkins", .integer(1...100_000), default: "4096",
            "check-ins that may wait for the disk"),
        Setting("limits.reserve_mib", .integer(0...4096), default: "64", "disk kept back for a full one, in MiB"),
        Setting(
            "limits.custody_mib", .integer(0...65_536), default: "256",
            "disk for results of other partitions' envoys while these are away, in MiB"),
        Setting(
            "gossip.round_interval_ms", .integer(10...60_000), default: "1000", "time between context exchanges"),
        Setting(
            "gossip.freeze_timeout_ms", .integer(20...600_000), default: "5000",
            "silence after which a peer counts as frozen"),
        Setting(
            "gossip.spread_timeout_ms", .integer(1...60_000), default: "3000",
            "how long a change waits for its second bolt"),
        Setting(
            "partition.heartbeat_ms", .integer(5...10_000), default: "100",
            "time between signs of life of a partition's primary"),
        Setting(
            "partition.insync_timeout_ms", .integer(15...600_000), default: "1000",
            "silence after which a standby is no longer waited for; at least three times partition.heartbeat_ms"),
        Setting(
            "partition.scrub_percent", .integer(1...50), default: "1",
            "part of the time in which a partition's disk is read against its checksums, whoever waits"),
        Setting(
            "partition.records_kept", .integer(16...100_000_000), default: "100000",
            "records that the journal keeps for standbys that were away; whoever lacks more takes a snapshot"),
        Setting(
            "checkin.interval_seconds", .integer(1...86_400), default: "60", "pause that envoys are told to keep"),
    ]

    /// The setting under a key; nil where there is none.
    public static func named(_ key: String) -> Setting? { all.first { $0.key == key } }

    /// The known key nearest to one that is not known.
    public static func nearest(to key: String) -> String {
        all.map(\.key).min { distance($0, key) < distance($1, key) } ?? "mesh.name"
    }

    private static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
    private static let port = Kind.integer(0...65_535)
    private static let label = Kind.text(rule: "a lower-case DNS label of at most 63 bytes", { MeshNames.isLabel($0) })
    private static let host = Kind.text(
        rule: "a host name or an address", { !$0.isEmpty && $0.utf8.count <= 253 && !$0.contains(" ") })
    private static let address = Kind.text(rule: "host:port", { PeerDialer.split($0) != nil })
    private static let path = Kind.text(
        rule: "a path of at most 4096 bytes", { !$0.isEmpty && $0.utf8.count <= 4096 && !$0.utf8.contains(0) })

    /// Levenshtein's distance; keys are short.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (byte == right[j] ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
