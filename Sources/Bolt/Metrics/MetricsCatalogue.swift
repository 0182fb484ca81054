/// Every metric of a bolt, with unit and meaning: what `/metrics` serves and the documentation lists.
public enum BoltMetric: String, CaseIterable, Sendable {
    case buildInfo = "bolt_build_info"
    case startTime = "bolt_process_start_time_seconds"
    case connections = "bolt_connections"
    case connectionsRefused = "bolt_connections_refused_total"
    case requests = "bolt_http_requests_total"
    case requestSeconds = "bolt_http_request_duration_seconds"
    case rosterEvents = "bolt_roster_events"
    case rosterPrincipals = "bolt_roster_principals"
    case rosterConflicts = "bolt_roster_conflicts"
    case rosterBans = "bolt_roster_banned_keys"
    case peers = "bolt_gossip_peers"
    case peersConverged = "bolt_gossip_peers_converged"
    case gossipRounds = "bolt_gossip_rounds_total"
    case runsApplied = "bolt_gossip_runs_applied_total"
    case runsRejected = "bolt_gossip_runs_rejected_total"
    case runsDuplicate = "bolt_gossip_runs_duplicate_total"
    case linksClosed = "bolt_gossip_links_closed_total"
    case commitSeconds = "bolt_store_commit_duration_seconds"
    case storeFailures = "bolt_store_failures_total"
    case checkIns = "bolt_checkins_total"
    case checkInBatch = "bolt_checkin_batch_size"
    case resultsStored = "bolt_results_stored_total"
    case enrolments = "bolt_enrolments_total"
    case cutConnections = "bolt_connections_cut_total"
    case partitionRole = "bolt_partition_role"
    case partitionEpoch = "bolt_partition_epoch"
    case partitionTip = "bolt_partition_tip"
    case partitionSafe = "bolt_partition_safe"
    case partitionInSync = "bolt_partition_in_sync"
    case partitionReceived = "bolt_partition_received_bytes_total"
    case journalFlushes = "bolt_journal_flushes_total"
    case journalCommands = "bolt_journal_commands_total"
    case slicesOwned = "bolt_slices_owned"
    case slicesLeft = "bolt_slices_left"
    case handoffs = "bolt_slice_handoffs"
    case handoffBytes = "bolt_slice_handoff_bytes_total"
    case slicePause = "bolt_slice_pause_seconds"
    case custodyBytes = "bolt_custody_bytes"
    case policySequence = "bolt_policy_sequence"
    case policyEnvoys = "bolt_policy_envoys"
    case policyCurrent = "bolt_policy_current_envoys"
    case policyTroubled = "bolt_policy_troubled_envoys"
    case policyWaiting = "bolt_policy_waiting_envoys"
    case policyVersions = "bolt_policy_versions_total"
    case policyCompiled = "bolt_policy_compiled_total"
    case policySignatures = "bolt_policy_signatures_total"
    case policyBodies = "bolt_policy_bodies_served_total"
    case policyCovered = "bolt_policy_covered_envoys"
    case policySourceAge = "bolt_policy_source_age_seconds"
    case policySourceReads = "bolt_policy_source_reads_total"
    case coverBytes = "bolt_cover_bytes"

    /// How a metric is counted.
    public enum Kind: String, Sendable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
        /// Counted in buckets.
        case histogram
    }

    /// How it is counted.
    public var kind: Kind {
        switch self {
        case .buildInfo, .startTime, .connections, .rosterEvents, .rosterPrincipals, .rosterConflicts, .rosterBans,
            .peers, .peersConverged, .partitionRole, .partitionEpoch, .partitionTip, .partitionSafe, .partitionInSync,
            .slicesOwned, .slicesLeft, .handoffs, .custodyBytes, .policySequence, .policyEnvoys, .policyCurrent,
            .policyTroubled, .policyWaiting, .policyCovered, .policySourceAge, .coverBytes:
            .gauge
        case .connectionsRefused, .requests, .gossipRounds, .runsApplied, .runsRejected, .runsDuplicate, .storeFailures,
            .linksClosed, .checkIns, .resultsStored, .enrolments, .cutConnections, .partitionReceived, .journalFlushes,
            .journalCommands, .handoffBytes, .policyVersions, .policyCompiled, .policySignatures, .policyBodies,
            .policySourceReads:
            .counter
        case .requestSeconds, .commitSeconds, .checkInBatch, .slicePause: .histogram
        }
    }

    /// The unit, in words.
    public var unit: String {
        switch self {
        case .startTime, .requestSeconds, .commitSeconds, .slicePause, .policySourceAge: "seconds"
        case .connections, .connectionsRefused, .cutConnections: "connections"
        case .requests: "requests"
        case .rosterEvents: "events"
        case .rosterPrincipals: "principals"
        case .rosterConflicts: "names"
        case .rosterBans: "keys"
        case .peers, .peersConverged, .partitionInSync: "bolts"
        case .partitionRole: "none"
        case .partitionEpoch: "epochs"
        case .partitionTip, .partitionSafe: "records"
        case .gossipRounds: "rounds"
        case .runsApplied, .runsRejected, .runsDuplicate: "runs"
        case .linksClosed: "links"
        case .storeFailures: "transactions"
        case .checkIns: "check-ins"
        case .checkInBatch, .journalCommands: "commands"
        case .journalFlushes: "transactions"
        case .partitionReceived, .handoffBytes, .custodyBytes, .coverBytes: "bytes"
        case .policySourceReads: "looks"
        case .slicesOwned, .slicesLeft: "slices"
        case .handoffs: "handoffs"
        case .resultsStored: "results"
        case .policySequence, .policyVersions: "versions"
        case .policyEnvoys, .policyCurrent, .policyTroubled, .policyWaiting, .policyCovered: "envoys"
        case .policyCompiled, .policyBodies: "bodies"
        case .policySignatures: "signatures"
        case .enrolments: "enrolments"
        case .buildInfo: "none"
        }
    }

    /// Names of its labels; their values are few and known.
    public var labels: [String] {
        switch self {
        case .buildInfo: ["version", "partition", "bolt"]
        case .connections: ["use"]
        case .connectionsRefused: ["code"]
        case .requests: ["endpoint", "status"]
        case .requestSeconds: ["endpoint"]
        case .rosterPrincipals: ["role"]
        case .peers: ["status"]
        case .partitionRole: ["role"]
        case .handoffs, .handoffBytes: ["direction"]
        case .checkIns, .enrolments, .policySourceReads: ["outcome"]
        case .policySignatures: ["kind"]
        case .cutConnections, .linksClosed: ["reason"]
        case .startTime, .rosterEvents, .rosterConflicts, .rosterBans, .peersConverged, .gossipRounds, .runsApplied,
            .runsRejected, .runsDuplicate, .commitSeconds, .storeFailures, .checkInBatch, .resultsStored,
            .partitionEpoch, .partitionTip, .partitionSafe, .partitionInSync, .partitionReceived, .journalFlushes,
            .journalCommands, .slicesOwned, .slicesLeft, .slicePause, .custodyBytes, .policySequence, .policyEnvoys,
            .policyCurrent, .policyTroubled, .policyWaiting, .policyVersions, .policyCompiled, .policyBodies,
            .policyCovered, .policySourceAge, .coverBytes:
            []
        }
    }

    /// What it tells.
    public var meaning: String {
        switch self {
        case .buildInfo: "Version and place of this bolt; always 1."
        case .startTime: "When the process started, since 1970."
        case .connections: "Connections that live, by use."
        case .connectionsRefused: "Connections that were not taken, by reason."
        case .requests: "Requests answered, by endpoint and status."
        case .requestSeconds: "Time from a request's head to its answer."
        case .rosterEvents: "Events of the roster that are durable here."
        case .rosterPrincipals: "Principals in force, by role."
        case .rosterConflicts: "Names that are admitted with several keys."
        case .rosterBans: "Keys that are banned."
        case .peers: "Admitted bolts, by how they are seen from here."
        case .peersConverged: "Admitted bolts whose digest was last seen equal to the one here."
        case .gossipRounds: "Context exchanges begun."
        case .runsApplied: "Runs of events that became durable."
        case .runsRejected: "Runs of events that did not verify."
        case .runsDuplicate: "Runs of events that were held already."
        case .linksClosed: "Peer links that this bolt closed, by reason."
        case .commitSeconds: "Time of one transaction of the store, flush included."
        case .storeFailures: "Transactions that the disk did not take."
        case .checkIns: "Check-ins, by outcome."
        case .checkInBatch: "Commands that shared one record of the partition's journal, and so one flush."
        case .resultsStored: "Results stored for the first time."
        case .enrolments: "Enrolments, by outcome."
        case .partitionRole: "1 for what this bolt does for its partition, 0 for the other roles."
        case .partitionEpoch: "Number of the epoch of the journal's last record."
        case .partitionTip: "Position of the journal's last record."
        case .partitionSafe: "Position up to which the journal is on all disks in sync, as this bolt knows."
        case .partitionInSync:
            "Bolts that a paired answer waits for, the primary included, as this bolt's journal says."
        case .partitionReceived: "Bytes of frames about the partition that came in from other bolts, without TLS."
        case .journalFlushes: "Transactions of the partition's journal, each with one flush."
        case .journalCommands: "Commands written to the partition's journal here."
        case .slicesOwned: "Slices of this bolt's partition, as this bolt knows; 0 before a topology is in force."
        case .slicesLeft:
            "Slices of which rows are left here that belong to another partition, or, of envoys that were given "
                + "another group, to another slice; at the primary."
        case .handoffs: "Handoffs of slices that are not over, away from here and to here; at the primary."
        case .handoffBytes: "Bytes of rows of slices that were sent away and that came in, what was repeated included."
        case .slicePause:
            "Time in which nobody served a slice that was handed on, from its seal; at the primary that handed it on."
        case .custodyBytes: "Bytes of results that are kept here for partitions that are away."
        case .policySequence: "Sequence of the policy's head in force; at the primary."
        case .policyEnvoys: "Envoys that the policy's head covers; at the primary."
        case .policyCurrent: "Envoys that said they hold what they are to have, since this bolt became primary."
        case .policyTroubled: "Envoys that keep an earlier policy because theirs cannot be made; at the primary."
        case .policyWaiting: "Envoys that hold a request until there is something for them."
        case .policyVersions: "Versions of the policy that were made here."
        case .policyCompiled: "Bodies of policy that were compiled here."
        case .policySignatures: "Signatures made for policy, by what was signed: head, beacon, order."
        case .policyBodies: "Bodies of policy that were sent to envoys."
        case .policyCovered: "Envoys of other partitions whose policy is kept here."
        case .policySourceAge:
            "Age of the last good look at the source of the partition's policy; at the primary, else 0."
        case .policySourceReads: "Looks at the source of the partition's policy, by outcome."
        case .coverBytes: "Bytes of other partitions' policy that are kept here to serve it while these are away."
        case .cutConnections: "Live connections cut because their principal is no longer admitted."
        }
    }
}
