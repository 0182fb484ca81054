internal import Identity
internal import Spanner

/// Where the partition's policy comes from, as the operator configured it. The same settings belong to all bolts of a
/// partition: whoever reigns looks.
struct PolicyConfiguration: Sendable {
    /// Where stacks come from.
    enum Source: Hashable, Sendable {
        /// Operators publish them.
        case none
        /// A folder of this machine.
        case directory(String)
        /// A branch of a repository.
        case git(GitRemote)
    }

    /// Where stacks come from.
    let source: Source
    /// Time between two looks.
    let interval: Duration
    /// Age of the last good look above which an alarm is raised.
    let staleAfter: Duration
    /// Where the webhook's secret is; nil where there is no webhook.
    let webhookSecretFile: String?
    /// Bytes of disk for the policy of other partitions' envoys.
    let coverBytes: UInt64
    /// Rules that are broken, in words; empty where none is.
    let violations: [String]

    init(_ values: ConfigurationValues) {
        func integer(_ key: String) -> Int { values.text(key).flatMap { Int($0) } ?? 0 }
        var violations: [String] = []
        let kind = values.text("policy.source") ?? "none"
        let strays = PolicyConfiguration.sourceKeys.filter { key in
            values.isSaid(key) && !(kind == "git" && key.hasPrefix("policy.git_"))
                && !(kind == "directory" && key == "policy.directory")
        }
        violations += strays.map { "\($0) says where to find a stack, but policy.source is \(kind)" }
        var remote = GitRemote(url: values.text("policy.git_url") ?? "")
        remote.branch = values.text("policy.git_branch") ?? "main"
        remote.folder = values.text("policy.git_folder")
        remote.credentialsFile = values.text("policy.git_credentials_file")
        remote.keyFile = values.text("policy.git_ssh_key_file")
        remote.timeout = .seconds(integer("policy.git_timeout_seconds"))
        switch kind {
        case "directory":
            let path = values.text("policy.directory") ?? ""
            if path.isEmpty { violations.append("policy.source is directory, and policy.directory is not set") }
            source = .directory(path)
        case "git":
            if remote.url.isEmpty { violations.append("policy.source is git, and policy.git_url is not set") }
            source = .git(remote)
        default: source = .none
        }
        webhookSecretFile = values.text("policy.webhook_secret_file")
        if webhookSecretFile != nil, kind == "none" {
            violations.append("policy.webhook_secret_file is set, but policy.source is none: nothing is woken")
        }
        interval = .seconds(integer("policy.poll_seconds"))
        staleAfter = .seconds(integer("policy.stale_seconds"))
        if kind != "none", staleAfter < interval * 2 {
            violations.append("policy.stale_seconds must be at least twice policy.poll_seconds")
        }
        coverBytes = UInt64(max(0, integer("limits.cover_mib"))) * 1024 * 1024
        self.violations = violations
    }

    /// Name of the mirror in the state directory.
    static let mirrorName = "policy-source.git"

    /// The source itself; nil where there is none. Nothing is read yet.
    func open(stateDirectory: String, witness: any Witness) -> (any PolicySource)? {
        switch source {
        case .none: nil
        case .directory(let path): DirectoryPolicySource(path: path, witness: witness)
        case .git(let remote):
            GitPolicySource(remote, mirror: stateDirectory + "/" + PolicyConfiguration.mirrorName)
        }
    }

    /// The judge of webhook calls; nil where there is no webhook. Throws where its secret cannot be used.
    func openWebhook() throws(IdentityError) -> PolicyWebhook? {
        guard let webhookSecretFile else { return nil }
        return try PolicyWebhook(secretFile: webhookSecretFile)
    }

    private static let sourceKeys = Setting.policy.map(\.key).filter {
        $0 == "policy.directory" || $0.hasPrefix("policy.git_")
    }
}
