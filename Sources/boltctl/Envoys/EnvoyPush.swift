import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl envoy push`
struct EnvoyPush: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Have machines apply what is in force now, batch by batch.",
        discussion: """
            Machines that hold a connection are told at once, others at their next check-in. A batch begins when all \
            of the one before told how it went, or the time for that is over; where fewer than --threshold percent \
            succeeded, or the partition is not well, it stops there and nobody further is told. A machine that is held \
            up (a secret of its policy is missing, say) counts as failed; where all are, nothing is begun.

            The push runs on the server: ctrl-c leaves it running, --watch follows it again, --abort ends it. Machines \
            of several partitions are pushed partition by partition; one that has none of them is passed over. Exit 3 \
            where it runs on, 1 where it stopped.

            EXAMPLES
              boltctl envoy push web-7 web-8 --reason "try it first"
              boltctl envoy push --group web --batch 10 --threshold 90 --pause-between 30s --yes
              boltctl envoy push --all --partition north --dry-run
              boltctl envoy push --watch 3f2a
            """)

    @Argument(help: "Names, ids or fingerprints of machines.")
    var names: [String] = []
    @OptionGroup var selecting: PushSelectionOptions
    @Option(name: .long, help: "Machines at once. Default: all of them.")
    var batch: UInt64?
    @Option(name: .long, help: "Percent of a batch that have to succeed before the next begins.")
    var threshold: UInt64 = 100
    @Option(name: .customLong("pause-between"), help: "From a batch to the next: 30s, 5m. Default: none.")
    var pauseBetween: String?
    @Option(name: .long, help: "How long a machine has to tell how it went: 30s, 5m. Default: the bolt's own.")
    var patience: String?
    @Flag(name: .long, help: "Apply disruptive resources too that would wait otherwise.")
    var disruptive = false
    @Option(name: .long, help: "Follow a push that was begun before: its id, or the beginning of it.")
    var watch: String?
    @Option(name: .long, help: "End a push: machines that were told already are not called back.")
    var abort: String?
    @OptionGroup var following: FollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// Longest time from a batch to the next, and for a batch.
    static let spanSecondsMax: UInt64 = 24 * 3600

    /// What the command answers.
    struct Answer: Encodable {
        /// As they were seen last, in the order of the partitions.
        let pushes: [PushView]
        /// What was said of each change, one line each.
        let effects: [String]
        /// How safe the changes are; missing where nothing was changed.
        let level: BoltAPI.AckLevel?
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case pushes, effects, level
            case dryRun = "dry_run"
        }
    }

    func run() async throws {
        try check()
        let desk = PushDesk(desk: StackDesk(session: try connection.session()), following: following)
        if let watch {
            let found = try await desk.find(watch, partition: selecting.partition)
            try await conclude([try await desk.follow(found)], effects: [], level: nil)
        } else if let abort {
            try await end(abort, desk)
        } else {
            try await begin(desk)
        }
    }

    /// Refuses bad arguments before anybody is asked.
    func check() throws {
        let isSelected = !names.isEmpty || selecting.isGiven
        let contents = [isSelected, watch != nil, abort != nil].filter { $0 }.count
        guard contents == 1 else {
            throw CommandFailure(
                contents == 0 ? "no_content" : "two_contents",
                contents == 0 ? "no machine is named" : "machines, --watch and --abort say different things",
                next: "name machines, or --group, --label or --all; or --watch or --abort alone", status: .usage)
        }
        try selecting.check(names: names)
        guard batch.map({ $0 > 0 }) ?? true else {
            throw CommandFailure("bad_count", "--batch takes 1 or more", status: .usage)
        }
        guard threshold <= 100 else {
            throw CommandFailure("bad_count", "--threshold takes 0 to 100, a percentage", status: .usage)
        }
        _ = try (seconds(pauseBetween, "--pause-between"), seconds(patience, "--patience"))
        try following.check()
    }

    private func seconds(_ text: String?, _ option: String) throws -> UInt64? {
        guard let text else { return nil }
        guard let seconds = SpanText.seconds(text), seconds <= Self.spanSecondsMax else {
            throw CommandFailure(
                "bad_span", "\(option) “\(text)” is no span of 1s to 24h", next: "write 30s, 5m or 1h",
                status: .usage)
        }
        return seconds
    }

    /// What to ask a partition for.
    func request(_ target: PushTarget) throws -> PushRequest {
        PushRequest(
            push: try RandomID.principal(), partition: target.partition, selection: target.selection, batch: batch,
            thresholdPercent: threshold, pauseSeconds: try seconds(pauseBetween, "--pause-between") ?? 0,
            patienceSeconds: try seconds(patience, "--patience"), isDisruptive: disruptive, reason: mutation.reason)
    }

    private func begin(_ desk: PushDesk) async throws {
        let requests = try await desk.targets(names: names, selecting).map { try request($0) }
        let (rehearsed, refused) = try await desk.rehearse(
            requests, skip: mutation.yes && requests.count == 1 && !mutation.dryRun)
        guard rehearsed.count <= 1 || following.wait || mutation.dryRun else {
            throw CommandFailure(
                "partition_needed",
                "the machines are of \(Plural.text(rehearsed.count, "partition")), pushed one by one",
                reason: "nothing was changed", next: "name one with --partition, or leave --no-wait out",
                status: .usage)
        }
        let rehearsedEffects = rehearsed.flatMap { PushText.effects($0.answer, of: rehearsed.count) }
        guard !mutation.dryRun else {
            return try await conclude(
                rehearsed.map { PushDesk.Step(push: $0.answer.push, end: nil) }, effects: rehearsedEffects, level: nil)
        }
        if !mutation.yes {
            for effect in rehearsedEffects { Console.note("would be so: \(effect)") }
            let count = rehearsed.reduce(0) { $0 + $1.answer.push.envoys }
            try Console.confirm("Have \(Plural.text(count, "machine")) apply what is in force now?", yes: false)
        }
        var (steps, effects, level) = ([PushDesk.Step](), [String](), BoltAPI.AckLevel?.none)
        let begun = rehearsed.isEmpty ? requests : rehearsed.map(\.request)
        for request in begun {
            let answer = try await desk.begin(request)
            effects += PushText.effects(answer, of: begun.count)
            level = min(level ?? answer.level, answer.level)
            let step = try await desk.follow(answer.push)
            steps.append(step)
            // What did not succeed in one partition is not tried in the next.
            guard step.outcome.status == nil else { break }
        }
        try await conclude(steps, effects: effects, level: level)
        // Machines that are meant were not told.
        guard refused.isEmpty else { throw ExitCode(ExitStatus.error.rawValue) }
    }

    private func end(_ argument: String, _ desk: PushDesk) async throws {
        let found = try await desk.find(argument, partition: selecting.partition)
        if !mutation.dryRun {
            if !mutation.yes { _ = try await desk.abort(found, reason: mutation.reason, dryRun: true) }
            try Console.confirm("End the push \(found.id)?", yes: mutation.yes)
        }
        let answer = try await desk.abort(found, reason: mutation.reason, dryRun: mutation.dryRun)
        try connection.output.emit(
            Answer(
                pushes: [answer.push], effects: answer.effects, level: answer.dryRun ? nil : answer.level,
                dryRun: answer.dryRun),
            table: PushText.change([answer.push], answer.effects, level: answer.dryRun ? nil : answer.level))
    }

    private func conclude(_ steps: [PushDesk.Step], effects: [String], level: BoltAPI.AckLevel?) async throws {
        let isDry = mutation.dryRun && watch == nil
        let pushes = steps.map { $0.outcome.push }
        let answer = Answer(pushes: pushes, effects: effects, level: level, dryRun: isDry)
        let table =
            watch == nil
            ? PushText.change(pushes, effects, level: isDry ? nil : level)
            : pushes.map { PushText.screen($0) }.joined(separator: "\n\n")
        try connection.output.emit(answer, table: table)
        guard !isDry else { return }
        for note in steps.flatMap(\.outcome.notes) { Console.note(note) }
        if let status = steps.last?.outcome.status { throw ExitCode(status.rawValue) }
    }
}

/// Which machines a push is for.
struct PushSelectionOptions: ParsableArguments {
    @Option(name: .long, help: "Machines of this group.")
    var group: String?
    @Option(name: .long, help: "Machines with this label, key=value; may be repeated.")
    var label: [String] = []
    @Flag(name: .long, help: "All machines.")
    var all = false
    @Option(name: .long, help: "Only those of this partition.")
    var partition: String?

    /// Whether anything is said beside the partition.
    var isGiven: Bool { group != nil || !label.isEmpty || all }

    /// Refuses bad values.
    func check(names: [String]) throws {
        guard !all || (group == nil && label.isEmpty && names.isEmpty) else {
            throw CommandFailure(
                "two_contents", "--all and a choice of machines say two things", next: "leave one of them out",
                status: .usage)
        }
        guard names.count <= APILimits.pushNamesMax else {
            throw CommandFailure(
                "bad_count", "at most \(APILimits.pushNamesMax) machines can be named one by one",
                next: "use --group or --label", status: .usage)
        }
        _ = try (groupName(), LabelArgument.labels(label))
        if let partition { let _: PartitionName = try NamedArgument.name(partition, "--partition") }
    }

    func groupName() throws -> GroupName? { try group.map { try NamedArgument.name($0, "--group") } }
}
