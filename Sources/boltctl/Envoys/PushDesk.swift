import BoltAPI
import BoltClient
import Spanner

/// A partition and which of its machines are meant.
struct PushTarget {
    let partition: PartitionName
    let selection: EnvoySelection
}

/// Begins, finds, follows and ends pushes at the partitions that drive them.
struct PushDesk {
    let desk: StackDesk
    let following: FollowOptions

    /// A push that was begun or found, and how following it ended; nil where nobody followed.
    struct Step {
        let push: PushView
        let end: PushFollower.End?

        var outcome: PushOutcome { PushOutcome(push, end) }
    }

    /// What a partition says that it would do.
    struct Rehearsal {
        let request: PushRequest
        let answer: PushChangeResponse
    }

    // MARK: - Whom it is for

    /// Partitions that own machines that are meant, by name.
    func targets(names: [String], _ selecting: PushSelectionOptions) async throws -> [PushTarget] {
        let only: PartitionName? = try selecting.partition.map { try NamedArgument.name($0, "--partition") }
        let (group, labels) = (try selecting.groupName(), try LabelArgument.labels(selecting.label))
        if names.isEmpty {
            var partitions = only.map { [$0] } ?? []
            if only == nil { partitions = try await desk.partitions().filter { $0.envoys > 0 }.map(\.name) }
            guard !partitions.isEmpty else {
                throw CommandFailure("not_found", "no partition owns a machine", next: "boltctl partition list")
            }
            return partitions.map {
                PushTarget(
                    partition: $0, selection: EnvoySelection(group: group, labels: labels, all: selecting.all))
            }
        }
        var envoys: [EnvoyView] = []
        for name in names {
            let found: EnvoyResponse = try await desk.session.client.call(.envoy, [name])
            envoys.append(found.envoy)
        }
        return try Self.targets(envoys, only: only, group: group, labels: labels)
    }

    /// Machines by their owners, each once.
    static func targets(
        _ envoys: [EnvoyView], only: PartitionName?, group: GroupName?, labels: [String: String]
    ) throws -> [PushTarget] {
        var owned: [PartitionName: [String]] = [:]
        for envoy in envoys {
            guard envoy.standing != .banned, envoy.standing != .removed else {
                throw CommandFailure(
                    "not_found", "\(envoy.name) is \(envoy.standing.rawValue): nothing is given to it",
                    reason: "nothing was changed", next: "boltctl envoy explain \(envoy.id)")
            }
            guard let owner = envoy.owner, only.map({ $0 == owner }) ?? true else {
                let whose = only.map { "is not of \($0)" } ?? "is owned by no partition"
                throw CommandFailure(
                    "not_found", "\(envoy.name) \(whose)", reason: "nothing was changed",
                    next: "boltctl envoy explain \(envoy.name)")
            }
            if owned[owner]?.contains(envoy.id.apiText) != true { owned[owner, default: []].append(envoy.id.apiText) }
        }
        return owned.sorted { $0.key < $1.key }.map { owner, ids in
            PushTarget(partition: owner, selection: EnvoySelection(envoys: ids, group: group, labels: labels))
        }
    }

    // MARK: - Beginning and ending

    /// What each partition says that it would do. Of several, one that refuses is passed over, and named: all of its
    /// machines that are meant are held up. One where nobody fits a choice is passed over too: nobody there is meant.
    func rehearse(
        _ requests: [PushRequest], skip: Bool
    ) async throws -> (rehearsed: [Rehearsal], refused: [PartitionName]) {
        guard !skip else { return ([], []) }
        return try await Self.rehearse(requests) { request in
            do {
                return .success(
                    try await desk.change(.pushEnvoys, of: request.partition, body: request, dryRun: true))
            } catch let error as ClientError {
                guard let problem = error.problem, Self.isPassedOver(problem, request, of: requests.count) else {
                    throw error
                }
                return .failure(problem)
            }
        }
    }

    /// Whether the others of `count` partitions are asked where one answers so.
    static func isPassedOver(_ problem: Problem, _ request: PushRequest, of count: Int) -> Bool {
        guard count > 1 else { return false }
        // Who is named is meant, and is at this partition: the others have nobody of that name.
        return problem.code == .pushRefused || problem.code == .notFound && request.selection.envoys == nil
    }

    /// Asks one after the other. Where all are passed over it throws: a refusal, if one refused.
    static func rehearse(
        _ requests: [PushRequest], ask: (PushRequest) async throws -> Result<PushChangeResponse, Problem>
    ) async throws -> (rehearsed: [Rehearsal], refused: [PartitionName]) {
        var (rehearsed, refused, empty) = ([Rehearsal](), [PartitionName](), [PartitionName]())
        var refusal: Problem?
        for request in requests {
            switch try await ask(request) {
            case .success(let answer): rehearsed.append(Rehearsal(request: request, answer: answer))
            case .failure(let problem) where problem.code == .notFound: empty.append(request.partition)
            case .failure(let problem):
                Console.note("nothing is pushed at \(request.partition): \(problem.detail)")
                refusal = problem
                refused.append(request.partition)
            }
        }
        if rehearsed.isEmpty, let refusal {
            throw CommandFailure(
                refusal.code.rawValue, refusal.detail, next: refusal.next, changed: refusal.changed,
                status: refusal.exitStatus)
        }
        let whose = empty.map(\.text).joined(separator: ", ")
        guard !rehearsed.isEmpty || requests.isEmpty else {
            throw CommandFailure(
                "not_found", "no machine of \(whose) fits that", reason: "nothing was changed",
                next: "boltctl envoy list")
        }
        if !empty.isEmpty { Console.note("no machine of \(whose) fits that") }
        return (rehearsed, refused)
    }

    /// Begins a push. Where the answer is lost it asks again: with the same id it is the same push.
    func begin(_ request: PushRequest) async throws -> PushChangeResponse {
        do {
            return try await desk.change(.pushEnvoys, of: request.partition, body: request, dryRun: false)
        } catch let error as ClientError where error.mayHaveChanged {
            Console.note("the connection broke off: asking again, with the same id")
            return try await desk.change(.pushEnvoys, of: request.partition, body: request, dryRun: false)
        }
    }

    /// Ends a push; on a dry run has the bolt say what that would do, or why not.
    func abort(_ push: PushView, reason: String, dryRun: Bool) async throws -> PushChangeResponse {
        try await desk.change(
            .abortPush, [push.id.apiText], of: push.partition,
            body: AbortPushRequest(partition: push.partition, reason: reason), dryRun: dryRun)
    }

    // MARK: - Finding and following

    /// The push that an argument names: an id, or the beginning of one.
    func find(_ argument: String, partition: String?) async throws -> PushView {
        let names: [PartitionName]
        if let partition {
            names = [try NamedArgument.name(partition, "--partition")]
        } else {
            names = try await desk.partitions().map(\.name)
        }
        var (known, silent) = ([PushView](), [PartitionName]())
        for name in names {
            do { known += try await desk.status(of: name).pushes } catch {
                try Task.checkCancellation()
                silent.append(name)
            }
        }
        return try Self.choose(argument, among: known, silent: silent)
    }

    /// The one push that is meant; a failure that names the candidates where it is not one.
    static func choose(_ argument: String, among known: [PushView], silent: [PartitionName]) throws -> PushView {
        guard argument.count >= 4, argument.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            throw CommandFailure(
                "bad_id", "“\(argument)” is no push's id, nor the first 4 digits of one or more",
                next: "boltctl stack status", status: .usage)
        }
        let found = known.filter { $0.id.apiText.hasPrefix(argument.lowercased()) }
        guard let first = found.first else {
            let away = silent.map(\.text).joined(separator: ", ")
            throw CommandFailure(
                "not_found", "no push has the id \(argument)",
                reason: silent.isEmpty ? nil : "\(away) cannot be asked, and may know of it",
                next: "boltctl stack status")
        }
        guard found.count == 1 else {
            throw CommandFailure(
                "ambiguous", "\(found.count) pushes could be meant",
                reason: found.map(\.id.apiText).joined(separator: "; "), next: "name one by its id", status: .usage)
        }
        return first
    }

    /// Follows a push where that is asked for.
    func follow(_ push: PushView) async throws -> Step {
        guard following.wait, !push.isOver else { return Step(push: push, end: push.isOver ? .ended(push) : nil) }
        Console.note("push \(push.id) runs; ctrl-c leaves it running. \(PushText.commands(push))")
        let follower = PushFollower(
            what: "push \(push.id)", timeout: following.timeout,
            look: { [desk] in
                let answer: PushResponse = try await desk.ask(
                    .push, [push.id.apiText], of: push.partition, query: [("partition", push.partition.text)])
                return answer.push
            },
            isEnd: { $0.isOver }, line: { PushText.line($0) })
        return Step(push: push, end: try await follower.follow(from: push))
    }
}

/// Follows one push.
typealias PushFollower = PolicyFollower<PushView>

/// How a command ends that has begun or followed a push.
struct PushOutcome {
    /// The push as it was seen last.
    let push: PushView
    /// How the command ends; nil where all is done.
    let status: ExitStatus?
    /// For standard error: why it ends so, and what to do.
    let notes: [String]

    /// `end`: nil where nobody followed.
    init(_ begun: PushView, _ end: PushFollower.End?) {
        push = end?.view ?? begun
        let how = PushText.commands(push)
        switch end {
        case .ended(let push): (status, notes) = Self.over(push)
        case .late: (status, notes) = (.running, ["still running: \(PushText.line(push))", how])
        case .detached: (status, notes) = (.running, ["left running: \(PushText.line(push))", how])
        case nil: (status, notes) = (.running, ["accepted: push \(push.id) runs", how])
        }
    }

    private static func over(_ push: PushView) -> (ExitStatus?, [String]) {
        let failures = StackText.failures(push.failures, of: push.failed)
        guard push.state != .finished else { return (nil, failures) }
        let rest = push.envoys > push.asked ? push.envoys - push.asked : 0
        return (
            .error,
            ["push \(PushText.line(push))"] + failures + [
                "\(Plural.text(rest, "machine")) not told; see why one failed: boltctl envoy results NAME --resources"
            ]
        )
    }
}

/// Pushes for people.
enum PushText {
    /// How far it is, in one line.
    static func line(_ push: PushView) -> String {
        var parts = ["\(push.succeeded) of \(Plural.text(push.envoys, "machine"))"]
        let told = push.succeeded + push.failed
        if push.asked > told, !push.isOver { parts.append("\(push.asked - told) told") }
        if push.failed > 0 { parts.append("\(push.failed) failed") }
        return "\(push.id.apiText.prefix(8)) \(word(push.state)): batch \(push.batch) of \(push.batches), "
            + parts.joined(separator: ", ") + (push.stopped.map { "; \(TerminalText.line($0))" } ?? "")
    }

    static func word(_ state: PushView.State) -> String {
        switch state {
        case .running: "runs"
        case .pausing: "waits for its next batch"
        case .finished: "is done"
        case .halted: "stopped"
        case .aborted: "was ended"
        }
    }

    /// How to watch it and end it.
    static func commands(_ push: PushView) -> String {
        let which = "\(push.id) --partition \(push.partition)"
        return "watch it: boltctl envoy push --watch \(which); end it: boltctl envoy push --abort \(which)"
    }

    /// One push, whole.
    static func screen(_ push: PushView) -> String {
        let fields = TextFields([
            ("push", push.id.description), ("state", line(push)), ("partition", push.partition.text),
            ("revision", StackText.short(push.revision)),
            ("began", "\(Console.time(milliseconds: push.beganAt.milliseconds)) by \(push.actor)"),
            ("ended", push.endedAt.map { Console.time(milliseconds: $0.milliseconds) }), ("reason", push.reason),
            ("needs", "\(push.thresholdPercent) % of a batch, \(push.pauseSeconds) s between batches"),
        ])
        return ([fields.text] + StackText.failures(push.failures, of: push.failed)).joined(separator: "\n")
    }

    /// What a partition said of a change: `of` several, by its name.
    static func effects(_ answer: PushChangeResponse, of partitions: Int) -> [String] {
        partitions > 1 ? answer.effects.map { "\(answer.push.partition): \($0)" } : answer.effects
    }

    /// What came of a change; `level`: nil on a dry run.
    static func change(_ pushes: [PushView], _ effects: [String], level: BoltAPI.AckLevel?) -> String {
        var lines = effects.map { level == nil ? "would be so: \($0)" : $0 }
        // On a dry run none was begun, of which there would be something to tell.
        lines += pushes.filter { level != nil || $0.batch > 0 }.map { push in
            (pushes.count > 1 ? "\(push.partition): " : "") + "push \(line(push))"
        }
        lines.append(level.map { "acknowledged at \($0)" } ?? "dry run: nothing was changed")
        return lines.joined(separator: "\n")
    }
}
