import BoltAPI
import Spanner

/// The set of one pod that runs a bolt.
extension KubernetesObjects {
    func statefulSet(_ entry: RenderedBolts.Entry, _ partition: Topology.Partition) -> JSONValue {
        object(
            "apps/v1", "StatefulSet", Self.name(entry), labels: labels(entry),
            [
                "spec": .object([
                    "replicas": .integer(1), "serviceName": .string(Self.name(entry)),
                    "selector": .object(["matchLabels": .texts(labels(entry))]),
                    // Each set is of one pod: rolling updates of all sets would take all bolts at once.
                    "updateStrategy": .object(["type": .string("OnDelete")]),
                    "template": .object([
                        "metadata": .object([
                            "labels": .texts(labels(entry)),
                            "annotations": .texts(["bolt.mesh/configuration": digest(of: entry)]),
                        ]), "spec": pod(entry, partition),
                    ]),
                    "volumeClaimTemplates": .array([claim]),
                ])
            ])
    }

    private var claim: JSONValue {
        var spec: [String: JSONValue] = [
            "accessModes": .array([.string("ReadWriteOnce")]),
            "resources": .object(["requests": .texts(["storage": choices.storage])]),
        ]
        if let storageClass = choices.storageClass { spec["storageClassName"] = .string(storageClass) }
        return .object(["metadata": .texts(["name": "data"]), "spec": .object(spec)])
    }

    private func pod(_ entry: RenderedBolts.Entry, _ partition: Topology.Partition) -> JSONValue {
        var volumes: [JSONValue] = [
            .object(["name": .string("config"), "configMap": .texts(["name": Self.name(entry)])]),
            .object([
                "name": .string("identity"),
                "secret": .object([
                    // 0440: the pod's group reads it, and copies it to where only the bolt does.
                    "secretName": .string("\(Self.name(entry))-identity"), "defaultMode": .integer(0o440),
                ]),
            ]),
            .object(["name": .string("tmp"), "emptyDir": .object([:])]),
        ]
        if let secret = etcdSecret(entry) {
            // No more: a private key is read only from a file that is its owner's alone, which no mount can be.
            let source: JSONValue = .object(["secretName": .string(secret), "defaultMode": .integer(0o440)])
            volumes.append(.object(["name": .string("etcd"), "secret": source]))
        }
        return .object([
            "automountServiceAccountToken": .bool(false), "enableServiceLinks": .bool(false),
            "terminationGracePeriodSeconds": .integer(30),
            "securityContext": .object([
                "runAsNonRoot": .bool(true), "runAsUser": .integer(Self.user), "runAsGroup": .integer(Self.user),
                "fsGroup": .integer(Self.user), "fsGroupChangePolicy": .string("OnRootMismatch"),
                "seccompProfile": .texts(["type": "RuntimeDefault"]),
            ]),
            "affinity": affinity(entry), "topologySpreadConstraints": .array([spread(partition)]),
            "initContainers": .array([identityCopy]), "containers": .array([container(entry)]),
            "volumes": .array(volumes),
        ])
    }

    private func etcdSecret(_ entry: RenderedBolts.Entry) -> String? {
        usesEtcd(entry.partition) ? choices.etcdSecret : nil
    }

    /// The zone that the topology names, and never two bolts of a partition on one node.
    private func affinity(_ entry: RenderedBolts.Entry) -> JSONValue {
        var rules: [String: JSONValue] = [
            "podAntiAffinity": .object([
                "requiredDuringSchedulingIgnoredDuringExecution": .array([
                    .object([
                        "topologyKey": .string("kubernetes.io/hostname"),
                        "labelSelector": .object(["matchLabels": .texts(labels(entry.partition))]),
                    ])
                ])
            ])
        ]
        if let zone = entry.bolt.zone {
            let term: JSONValue = .object([
                "matchExpressions": .array([
                    .object([
                        "key": .string("topology.kubernetes.io/zone"), "operator": .string("In"),
                        "values": .array([.string(zone)]),
                    ])
                ])
            ])
            rules["nodeAffinity"] = .object([
                "requiredDuringSchedulingIgnoredDuringExecution": .object(["nodeSelectorTerms": .array([term])])
            ])
        }
        return .object(rules)
    }

    /// Where the topology names no zones, the cluster spreads a partition over its own.
    private func spread(_ partition: Topology.Partition) -> JSONValue {
        let isNamed = partition.bolts.contains { $0.zone != nil }
        return .object([
            "maxSkew": .integer(1), "topologyKey": .string("topology.kubernetes.io/zone"),
            "whenUnsatisfiable": .string(isNamed ? "ScheduleAnyway" : "DoNotSchedule"),
            "labelSelector": .object(["matchLabels": .texts(labels(partition.name))]),
        ])
    }

    private var confined: JSONValue {
        .object([
            "allowPrivilegeEscalation": .bool(false), "readOnlyRootFilesystem": .bool(true),
            "capabilities": .object(["drop": .array([.string("ALL")])]),
        ])
    }

    private static func mount(_ name: String, _ path: String, isReadOnly: Bool = false) -> JSONValue {
        var mount: [String: JSONValue] = ["name": .string(name), "mountPath": .string(path)]
        if isReadOnly { mount["readOnly"] = .bool(true) }
        return .object(mount)
    }

    /// Copies the identity to the volume once: a bolt takes private keys only from files that are its own alone, and
    /// keeps beside them what it must never be told twice.
    private var identityCopy: JSONValue {
        let script = """
            set -eu
            umask 077
            cd /var/lib/bolt
            mkdir -p state
            [ -d identity ] && exit 0
            rm -rf identity.new
            mkdir identity.new
            cp -L /run/bolt-identity/* identity.new/
            chmod 0600 identity.new/*
            sync
            mv identity.new identity
            sync
            """
        return .object([
            "name": .string("identity"), "image": .string(choices.image),
            "command": .array(["/bin/sh", "-c", script].map { .string($0) }), "securityContext": confined,
            "volumeMounts": .array([
                Self.mount("identity", "/run/bolt-identity", isReadOnly: true), Self.mount("data", "/var/lib/bolt"),
            ]),
        ])
    }

    private func container(_ entry: RenderedBolts.Entry) -> JSONValue {
        let (port, ops) = (LocalBolt.split(entry.bolt.address).port, LocalBolt.split(entry.bolt.ops).port)
        func exposed(_ name: String, _ number: Int) -> JSONValue {
            .object(["name": .string(name), "containerPort": .integer(Int64(number))])
        }
        func probe(_ path: String, period: Int64, failures: Int64) -> JSONValue {
            .object([
                "httpGet": .texts(["path": path, "port": "ops"]), "periodSeconds": .integer(period),
                "failureThreshold": .integer(failures), "timeoutSeconds": .integer(2),
            ])
        }
        var mounts = [
            Self.mount("config", "/etc/bolt", isReadOnly: true), Self.mount("data", "/var/lib/bolt"),
            Self.mount("tmp", "/tmp"),
        ]
        if etcdSecret(entry) != nil { mounts.append(Self.mount("etcd", Self.etcdDirectory, isReadOnly: true)) }
        return .object([
            "name": .string("bolt"), "image": .string(choices.image),
            "command": .array([bolts.program, "run", "--config", "/etc/bolt/bolt.yaml"].map { .string($0) }),
            "ports": .array([exposed("mesh", port), exposed("ops", ops)]),
            // A disk of results may take its time to be read; only then does its liveness count.
            "startupProbe": probe("/livez", period: 2, failures: 150),
            "livenessProbe": probe("/livez", period: 10, failures: 3),
            "readinessProbe": probe("/readyz", period: 2, failures: 2),
            "resources": .object(["requests": .texts(["cpu": "250m", "memory": "256Mi"])]),
            "securityContext": confined,
            "volumeMounts": .array(mounts),
        ])
    }
}
