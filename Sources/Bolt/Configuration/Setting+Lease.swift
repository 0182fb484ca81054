extension Setting {
    /// Those about when a promotion may be tried.
    static let lease: [Setting] = [
        Setting(
            "lease.engine", .choice(["manual", "etcd"]), default: "manual",
            "who says when a promotion is tried: an operator, or a lease in etcd that ran out"),
        Setting(
            "lease.ttl_ms", .integer(1_000...600_000), default: "5000",
            "how long a lease lives without being renewed: after that a standby takes over"),
        Setting(
            "etcd.endpoints",
            .list(rule: "https://host:port", { $0.hasPrefix("https://") || $0.hasPrefix("http://") }), default: "",
            "etcd, tried in this order; plain http on loopback only"),
        Setting("etcd.ca_file", file, optional: true, "PEM file of the CA of etcd's certificates"),
        Setting("etcd.certificate_file", file, optional: true, "PEM file of this bolt's client certificate for etcd"),
        Setting("etcd.key_file", file, optional: true, "PEM file of its private key, mode 0600"),
        Setting("etcd.user", word, optional: true, "name of etcd's user"),
        Setting("etcd.password_file", file, optional: true, "file with that user's password, mode 0600"),
        Setting("etcd.key_prefix", word, default: "/bolt", "what all keys in etcd begin with"),
        Setting(
            "etcd.accept_old_etcd", .choice(["true", "false"]), default: "false",
            "campaign even at a version of etcd with known errors in its leases"),
    ]

    private static let file = Kind.text(
        rule: "a path of at most 4096 bytes", { !$0.isEmpty && $0.utf8.count <= 4096 && !$0.utf8.contains(0) })
    private static let word = Kind.text(rule: "1 to 200 bytes", { (1...200).contains($0.utf8.count) })
}
