internal import Foundation
internal import Programs

/// The program `git` over one bare mirror: in an environment of its own, so that neither the user's configuration nor
/// the repository's has a say in what is run.
struct GitProgram: Sendable {
    /// Blocks of 512 bytes that a file of the mirror may have: 256 MiB. What a remote sends beyond ends the fetch.
    static let fileBlocksMax = 512 * 1024
    /// Longest time of what needs no network.
    static let localTimeout: Duration = .seconds(60)
    /// Variables that are handed on: how to reach a remote, never what to run there.
    private static let handedOn = [
        "PATH", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK",
    ]

    /// The mirror's folder.
    let mirror: String
    let remote: GitRemote
    /// Whether this bolt ends, and programs with it.
    var isEnding: @Sendable () -> Bool = { false }

    /// Runs a command of git's in the mirror.
    func run(
        _ arguments: [String], input: [UInt8] = [], outputMax: Int = 64 * 1024, timeout: Duration = localTimeout
    ) throws(BoundedProgram.Failure) -> BoundedProgram.Result {
        let limited = ["/bin/sh", "-c", "ulimit -f \(GitProgram.fileBlocksMax) && exec \"$@\"", "sh"]
        return try BoundedProgram(
            words: limited + ["git", "--git-dir=\(mirror)"] + settings + arguments, environment: environment,
            input: input, outputMax: outputMax, timeout: timeout, isEnding: isEnding
        ).run()
    }

    /// Settings that win over every file's.
    private var settings: [String] {
        var settings = [
            "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.askPass=", "credential.helper=", "gc.auto=0",
            "maintenance.auto=false", "fetch.recurseSubmodules=false", "fetch.unpackLimit=1", "protocol.version=2",
            "http.followRedirects=initial", "http.lowSpeedLimit=1", "http.lowSpeedTime=30",
        ]
        if let file = remote.credentialsFile {
            settings.append("credential.helper=store --file=\(GitProgram.quoted(file))")
        }
        return settings.flatMap { ["-c", $0] }
    }

    private var environment: [String] {
        let known = GitProgram.handedOn.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        var ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15"
        if let file = remote.keyFile { ssh += " -o IdentitiesOnly=yes -i \(GitProgram.quoted(file))" }
        return (known.contains { $0.hasPrefix("PATH=") } ? known : known + ["PATH=/usr/local/bin:/usr/bin:/bin"]) + [
            "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
            "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
            "GIT_ALLOW_PROTOCOL=file:https:ssh", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
            "GIT_SSH_COMMAND=\(ssh)",
        ]
    }

    /// A text as one word of a shell.
    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}
