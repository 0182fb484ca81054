internal import CRDT
internal import Lease
internal import Spanner

/// When a promotion may be tried, as the operator configured it. The same settings belong to all bolts of a partition.
struct LeaseConfiguration: Sendable {
    /// Where leases come from.
    enum Engine: Sendable {
        /// Operators promote.
        case manual
        /// An etcd that others run.
        case etcd(EtcdSettings)
    }

    /// Where leases come from.
    let engine: Engine
    /// Paces.
    let settings: LeaseSettings
    /// Rules that are broken, in words; empty where none is.
    let violations: [String]

    /// Whether the lease decides, so that a primary that restarted waits for it.
    var isAutomatic: Bool { if case .etcd = engine { true } else { false } }

    init(_ values: ConfigurationValues) {
        var settings = LeaseSettings()
        let milliseconds = values.text("lease.ttl_ms").flatMap { Int($0) } ?? 0
        (settings.ttl, settings.renewInterval) = (.milliseconds(milliseconds), .milliseconds(milliseconds * 3 / 10))
        settings.requestTimeout = settings.renewInterval
        self.settings = settings
        guard values.text("lease.engine") == "etcd" else {
            engine = .manual
            let strays = LeaseConfiguration.etcdKeys.filter { values.isSaid($0) }
            violations = strays.map { "\($0) says how to reach an etcd, but lease.engine is manual" }
            return
        }
        var etcd = EtcdSettings(endpoints: Setting.parts(of: values.text("etcd.endpoints") ?? ""))
        (etcd.caFile, etcd.keyPrefix) = (values.text("etcd.ca_file"), values.text("etcd.key_prefix") ?? "")
        (etcd.certificateFile, etcd.keyFile) = (values.text("etcd.certificate_file"), values.text("etcd.key_file"))
        (etcd.user, etcd.passwordFile) = (values.text("etcd.user"), values.text("etcd.password_file"))
        etcd.acceptOldEtcd = values.text("etcd.accept_old_etcd") == "true"
        engine = .etcd(etcd)
        violations = settings.violations + etcd.violations
    }

    /// The engine itself, for this disk. Throws where a certificate, key or password file cannot be used.
    func open(mesh: MeshID, partition: PartitionName, me: ReplicaID) throws(LeaseError) -> any LeaseEngine {
        switch engine {
        case .manual: ManualLease()
        case .etcd(let settings): try EtcdLease(settings, mesh: mesh, partition: partition, me: me)
        }
    }

    private static let etcdKeys = Setting.all.map(\.key).filter { $0.hasPrefix("etcd.") }
}
