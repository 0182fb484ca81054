internal import Dispatch
internal import Glibc
public import Policy

/// Puts resolved policies in force on this machine, below one root.
///
/// Holds the lock of its state directory as long as it lives: two runs at once exclude each other, also those of two
/// processes. Runs of one converger come one after the other.
public final class Converger: Sendable {
    private let options: ConvergenceOptions
    private let tree: RootTree
    private let lock: Descriptor
    private let queue = DispatchQueue(label: "bolt.convergence")

    /// Opens the root and takes the lock. Throws `converge_bad_root`, `converge_bad_state`, or `converge_locked` where
    /// another run is under way; nothing is changed then.
    public init(_ options: ConvergenceOptions) throws(ConvergenceError) {
        self.options = options
        tree = try RootTree(root: options.root, linksMax: options.limits.linksMax)
        lock = try Converger.takeLock(options.stateDirectory)
    }

    // Not left to closing: a child between fork and exec shares the descriptor and would keep the lock.
    deinit { _ = flock(lock.number, LOCK_UN) }

    /// Carries out a policy, as far as each resource allows: what fails fails alone. Ends early where `isCancelled`
    /// says so, which is asked before each resource and some times a second in between.
    ///
    /// `secrets` are the values that may be in the policy, or in what its commands print: none of them is in the
    /// report, as it is or encoded.
    public func run(
        _ policy: ResolvedPolicy, secrets: [[UInt8]] = [], isCancelled: @escaping @Sendable () -> Bool = { false }
    ) async -> ConvergenceReport {
        // On a thread of its own: files and programs make it wait.
        await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(returning: self.runNow(policy, secrets: secrets, isCancelled: isCancelled))
            }
        }
    }

    /// The same, on the thread of the caller, which waits.
    func runNow(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], isCancelled: @escaping @Sendable () -> Bool
    ) -> ConvergenceReport {
        let start = MonotonicTime.nanoseconds
        let memory = ChangeMemory(path: options.stateDirectory + "/converge.log", isReadOnly: options.isDryRun)
        let context = WorkContext(
            tree: tree, memory: memory, limits: options.limits, searchPath: options.searchPath,
            handlers: options.handlers, isCancelled: isCancelled, atStep: options.atStep)
        let shown = Shown(redactor: Redactor(secrets: secrets), limits: options.limits)
        if !options.isDryRun { clean(memory, isCancelled) }
        var pass = Pass(policy, options: options, context: context, shown: shown)
        let reports = pass.run()
        if !options.isDryRun {
            // What no resource of the policy is any more is not notified either.
            let known = Set(policy.resources.map(\.id))
            memory.forget(pending: memory.pending.subtracting(known).sorted())
            memory.settle()
        }
        return ConvergenceReport(
            resources: reports, counts: ConvergenceCounts(of: reports),
            durationMicroseconds: MonotonicTime.microseconds(since: start), isDryRun: options.isDryRun,
            memoryFailure: memory.failure)
    }

    /// Lets what a run that ended in the middle had begun come to its end, so that nothing is run beside itself; then
    /// removes what it left beside files.
    private func clean(_ memory: ChangeMemory, _ isCancelled: () -> Bool) {
        for command in memory.commands where command.settle(limits: options.limits, isCancelled: isCancelled) {
            memory.forget(command: command.marker)
        }
        for temporary in memory.temporaries {
            let names = temporary.directory.split(separator: "/").map(String.init)
            guard !names.contains(".."), TemporaryName.isOurs(temporary.name),
                let directory = try? tree.directory(names, for: temporary.directory)
            else { continue }
            TemporaryName.remove(temporary.name, in: directory)
        }
        memory.settle()
    }

    private static func takeLock(_ directory: String) throws(ConvergenceError) -> Descriptor {
        func failure(_ why: String) -> ConvergenceError {
            ConvergenceError(
                .badState, what: "use the state directory \(directory)", why: why,
                next: "make it, with mode 0700 and owned by the agent's user")
        }
        var status = stat()
        guard directory.hasPrefix("/") else { throw failure("it is no absolute path") }
        guard stat(directory, &status) == 0 else { throw failure(String(cString: strerror(errno))) }
        guard status.kind == S_IFDIR, status.st_uid == geteuid(), status.permissions & 0o022 == 0 else {
            throw failure("it is no directory of the agent's user that no other may write to")
        }
        let number = open(directory + "/converge.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw failure(String(cString: strerror(errno))) }
        let lock = Descriptor(owning: number)
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw failure(String(cString: strerror(errno))) }
            throw ConvergenceError(
                .locked, what: "put a policy in force", why: "another run with the state of \(directory) is under way",
                next: "wait for its end; see: bolt-envoy status")
        }
        return lock
    }
}
