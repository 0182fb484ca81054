internal import Foundation
internal import Programs
internal import Spanner
internal import Synchronization

/// A stack in a branch of a git remote, read by the program `git` from a bare mirror of the branch's last commit.
///
/// The mirror holds nothing that is not at the remote: after a failure, and after some fetches, the next read begins
/// with an empty one. There is no work tree: nothing of the repository is ever written as a file or run.
final class GitPolicySource: PolicySource {
    /// Fetches that brought something after which the mirror is made anew: it only grows.
    static let fetchesMax = 64
    private static let reference = "refs/bolt/policy"

    private let remote: GitRemote
    private let git: GitProgram
    /// Fetches into the mirror that brought something.
    private let fetches = Mutex(0)
    private let mark: EndMark

    /// Set once.
    private final class EndMark: Sendable {
        let isSet = Atomic(false)
    }

    /// A source whose mirror is the folder `mirror`, which is made, and whose parent is there.
    init(_ remote: GitRemote, mirror: String) {
        let mark = EndMark()
        (self.remote, self.mark) = (remote, mark)
        git = GitProgram(mirror: mirror, remote: remote, isEnding: { mark.isSet.load(ordering: .relaxed) })
    }

    /// Ends the program that runs.
    func end() { mark.isSet.store(true, ordering: .relaxed) }

    var words: String { remote.words }

    func read(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
        let isOld = FileManager.default.fileExists(atPath: git.mirror + "/HEAD")
        do throws(PolicySourceError) { return try readOnce(unless: known) } catch {
            // The mirror may be what is broken: a bolt that was killed left a lock, say. That is no news of the source.
            guard isOld, error.code == .failed, !mark.isSet.load(ordering: .relaxed) else { throw error }
            return try readOnce(unless: known)
        }
    }

    private func readOnce(unless known: String?) throws(PolicySourceError) -> PolicySnapshot? {
        do throws(PolicySourceError) {
            try prepare()
            try fetch()
            let commit = try commit()
            guard commit != known else { return nil }
            fetches.withLock { $0 += 1 }
            return PolicySnapshot(revision: commit, files: try files(of: commit))
        } catch {
            switch error.code {
            case .unreachable, .failed: try? FileManager.default.removeItem(atPath: git.mirror)
            case .missing, .unfit, .changing: break
            }
            throw error
        }
    }

    // MARK: - Mirror

    private func prepare() throws(PolicySourceError) {
        let isFull = fetches.withLock { $0 >= GitPolicySource.fetchesMax }
        if isFull { try? FileManager.default.removeItem(atPath: git.mirror) }
        guard !FileManager.default.fileExists(atPath: git.mirror + "/HEAD") else { return }
        fetches.withLock { $0 = 0 }
        try? FileManager.default.removeItem(atPath: git.mirror)
        _ = try succeed(["init", "--bare", "--quiet", "--template=", git.mirror], "making a mirror of \(remote.url)")
    }

    private func fetch() throws(PolicySourceError) {
        let what = "fetching branch \(remote.branch) of \(remote.url)"
        let result: BoundedProgram.Result
        do throws(BoundedProgram.Failure) {
            result = try git.run(
                [
                    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--force",
                    "--no-recurse-submodules", "--", remote.url,
                    "+refs/heads/\(remote.branch):\(GitPolicySource.reference)",
                ], timeout: remote.timeout)
        } catch {
            switch error {
            case .notStarted, .ended: throw failed(what, error)
            case .tooLong: throw unreachable(what, "it took longer than \(remote.timeout.components.seconds) s")
            case .tooMuch: throw unreachable(what, "it says too much")
            }
        }
        guard result.status != 0 else { return }
        throw refused(what, result)
    }

    /// What a fetch that ended badly means.
    func refused(_ what: String, _ result: BoundedProgram.Result) -> PolicySourceError {
        let whole = String(decoding: result.complaints, as: UTF8.self)
        let why = PolicySourceText.line(result.complaints)
        if result.status == 127 { return failed(what, GitPolicySource.missing) }
        if why.contains("couldn't find remote ref") {
            return PolicySourceError(
                code: .missing, what: what, why: "there is no such branch",
                next: "bring it back, or name another: policy.git_branch")
        }
        if why.contains("File size limit") || result.status == 128 + SIGXFSZ || why.contains("File too large") {
            return unfit(what, "it is larger than \(GitProgram.fileBlocksMax / 2048) MiB")
        }
        // Locks are the mirror's: nothing is locked at a remote to read it.
        if whole.contains(".lock'") || whole.contains("shallow file has changed") { return failed(what, why) }
        if whole.contains("dubious ownership") {
            return PolicySourceError(
                code: .unreachable, what: what, why: why,
                next: "let the user that this bolt runs as own the repository's folder, or name it by https or ssh; "
                    + "git's safe.directory is not read")
        }
        return unreachable(what, why)
    }

    private func commit() throws(PolicySourceError) -> String {
        let what = "looking for the commit of \(remote.branch)"
        let output = try succeed(["rev-parse", "--verify", "\(GitPolicySource.reference)^{commit}"], what)
        let commit = String(decoding: output, as: UTF8.self).filter { $0 != "\n" }
        guard [40, 64].contains(commit.utf8.count), commit.utf8.allSatisfy({ GitTree.isHex($0) }) else {
            throw failed(what, "git names no commit")
        }
        return commit
    }

    // MARK: - Tree

    private func files(of commit: String) throws(PolicySourceError) -> PolicyFiles {
        let what = "reading commit \(commit.prefix(12)) of \(remote.url)"
        let top = commit + (remote.folder.map { ":\($0)" } ?? "")
        let listing: BoundedProgram.Result
        do throws(BoundedProgram.Failure) {
            listing = try git.run(
                ["ls-tree", "-r", "-z", "-l", "--full-tree", top], outputMax: GitTree.listingBytesMax)
        } catch {
            if error == .tooMuch { throw unfit(what, "it has too many files") }
            throw failed(what, error)
        }
        guard listing.status == 0 else {
            guard let folder = remote.folder else { throw failed(what, PolicySourceText.line(listing.complaints)) }
            throw PolicySourceError(
                code: .missing, what: what, why: "there is no folder \(folder) in it",
                next: "bring it back, or name another: policy.git_folder")
        }
        do throws(GitTree.Fault) {
            let tree = try GitTree(listing: listing.output)
            let contents = try GitTree.contents(of: tree.objects, in: try batch(tree, what))
            let files = try tree.files(contents)
            guard let stack = PolicyFiles(files) else { throw .unfit(PolicyFiles.fault(in: files) ?? "it is none") }
            return stack
        } catch {
            switch error {
            case .unfit(let why): throw unfit(what, why)
            case .unreadable(let why): throw failed(what, why)
            }
        }
    }

    private func batch(_ tree: GitTree, _ what: String) throws(GitTree.Fault) -> [UInt8] {
        let input = Array((tree.objects.map { $0 + "\n" }).joined().utf8)
        do throws(BoundedProgram.Failure) {
            let result = try git.run(
                ["cat-file", "--batch"], input: input,
                outputMax: PolicyFiles.bytesMax + tree.objects.count * GitTree.headingBytesMax)
            guard result.status == 0 else { throw .notStarted(PolicySourceText.line(result.complaints)) }
            return result.output
        } catch { throw .unreadable(GitPolicySource.text(error)) }
    }

    // MARK: - Errors

    private func succeed(_ arguments: [String], _ what: String) throws(PolicySourceError) -> [UInt8] {
        let result: BoundedProgram.Result
        do throws(BoundedProgram.Failure) { result = try git.run(arguments) } catch { throw failed(what, error) }
        if result.status == 127 { throw failed(what, GitPolicySource.missing) }
        guard result.status == 0 else { throw failed(what, PolicySourceText.line(result.complaints)) }
        return result.output
    }

    private static var missing: BoundedProgram.Failure { .notStarted("there is no program git here") }

    private static func text(_ failure: BoundedProgram.Failure) -> String {
        switch failure {
        case .notStarted(let why): why
        case .tooLong: "it took too long"
        case .tooMuch: "it says too much"
        case .ended: "this bolt ends"
        }
    }

    private func failed(_ what: String, _ failure: BoundedProgram.Failure) -> PolicySourceError {
        guard case .notStarted = failure else { return failed(what, GitPolicySource.text(failure)) }
        return PolicySourceError(
            code: .failed, what: what, why: GitPolicySource.text(failure),
            next: "see that git is installed and that this bolt may run it; it is tried again by itself")
    }

    private func failed(_ what: String, _ why: String) -> PolicySourceError {
        PolicySourceError(
            code: .failed, what: what, why: why,
            next: "see that the state directory has room; it is tried again by itself, with a new mirror")
    }

    private func unreachable(_ what: String, _ why: String) -> PolicySourceError {
        PolicySourceError(
            code: .unreachable, what: what, why: why,
            next: "see whether the remote is there and lets this bolt in; it is tried again by itself")
    }

    private func unfit(_ what: String, _ why: String) -> PolicySourceError {
        PolicySourceError(
            code: .unfit, what: what, why: PolicySourceText.cut(why),
            next: "correct the repository: the next commit is read by itself")
    }
}
