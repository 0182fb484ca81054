extension Setting {
    /// Those about where the partition's policy comes from, and what is kept of others' to cover them.
    static let policy: [Setting] = [
        Setting(
            "policy.source", .choice(["none", "directory", "git"]), default: "none",
            "where the partition's stacks come from; none: operators publish them"),
        Setting("policy.directory", file, optional: true, "the folder with the stack, for policy.source: directory"),
        Setting(
            "policy.git_url",
            .text(
                rule: "https://, ssh:// or file://, or user@host:path; without a password", { GitRemote.isURL($0) }),
            optional: true, "the repository, for policy.source: git"),
        Setting(
            "policy.git_branch", .text(rule: "the name of a branch", { GitRemote.isBranch($0) }), default: "main",
            "the branch whose last commit is in force"),
        Setting(
            "policy.git_folder", .text(rule: "a folder below the repository's top", { GitRemote.isFolder($0) }),
            optional: true, "the stack's folder in the repository; all of it where nothing is said"),
        Setting(
            "policy.git_credentials_file", file, optional: true,
            "file of https://user:password@host lines for the repository, mode 0600"),
        Setting("policy.git_ssh_key_file", file, optional: true, "private key for ssh, mode 0600"),
        Setting(
            "policy.git_timeout_seconds", .integer(1...3600), default: "60", "longest time of one fetch"),
        Setting(
            "policy.poll_seconds", .integer(1...86_400), default: "60",
            "time between two looks at the source, a tenth more or less; longer while it fails"),
        Setting(
            "policy.stale_seconds", .integer(10...31_536_000), default: "900",
            "age of the last good look at the source above which an alarm is raised"),
        Setting(
            "policy.webhook_secret_file", file, optional: true,
            "file with the secret of the webhook, mode 0600; without one the webhook is off"),
        Setting(
            "limits.cover_mib", .integer(0...65_536), default: "256",
            "disk for the policy of other partitions' envoys, to serve it while these are away, in MiB"),
    ]

    private static let file = Kind.text(
        rule: "a path of at most 4096 bytes", { !$0.isEmpty && $0.utf8.count <= 4096 && !$0.utf8.contains(0) })
}
