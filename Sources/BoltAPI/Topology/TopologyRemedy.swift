/// What to do about each kind of finding.
enum TopologyRemedy {
    /// One clause for a finding's code.
    static func text(of code: String) -> String { all[code] ?? "correct it" }

    static let all: [String: String] = [
        "too_large": "split the fleet into several meshes, or shorten the rules",
        "not_yaml": "correct the YAML",
        "empty": "begin with topology/local.yaml",
        "wrong_type": "write the kind of value that is asked for",
        "unknown_key": "correct or remove the key",
        "missing_key": "add the key",
        "too_many": "leave some out",
        "bad_number": "write a number within the bounds",
        "bad_name": "write lower-case letters, digits and hyphens",
        "bad_address": "write host:port",
        "bad_lease": "write one of the words",
        "no_ops": "name ops: host:port for the bolt",
        "empty_rule": "name a host name or labels, or leave the rule out",
        "no_groups": "add a group; one without match rules takes every machine",
        "no_partitions": "add a partition",
        "no_bolts": "add a bolt, or remove the partition",
        "serves_nothing": "name the groups that the partition serves",
        "repeated_group": "name it once",
        "unknown_group": "name a group that is there, or add it",
        "unserved_group": "add the group to a partition's groups, or remove it",
        "duplicate_name": "give one of them another name",
        "duplicate_address": "give one of them another address or port",
        "unreachable_group": "put it before the other, or remove it",
        "overlapping_rules": "put the narrower group first, or remove the rule",
        "crossing_rules": "if the other should take it, put that one first, or make one of the patterns narrower",
        "unmatched_machines": "add a group without match rules at the end, if no machine should be refused",
        "zero_weight": "give one of them a weight",
        "lone_bolt": "add a bolt in another zone: without one nothing survives the loss of this disk",
        "missing_zone": "name the zone of every bolt",
        "shared_zone": "move one of them to another zone",
        "shared_host": "move one of them to another machine",
        "too_few_zones": "add a bolt in another zone, do not serve the group there, or lower its min_zones",
    ]
}
